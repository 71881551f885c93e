"""Two images compared, against brute force over the run's own models and its scores out-of-fold."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.workflows.conftest import MEMBERS, RUNS, Notes
from tlk.data.gallery import open_gallery
from tlk.errors import UserError
from tlk.files import write_json
from tlk.verification import best_threshold
from tlk.workflows.blend import Blend
from tlk.workflows.checksums import CHECKSUMS
from tlk.workflows.compare import Compared, compare
from tlk.workflows.ensemble import EnsembleOptions, ensemble
from tlk.workflows.known_scores import KnownScores, score_out_of_fold, unit_of
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.progress import Silent
from tlk.workflows.run import VERIFICATION, Run
from tlk.workflows.sampled_lists import SampledLists
from tlk.workflows.search import SearchOptions, search
from tlk.workflows.workspace import Workspace


def of(
    workspace: Workspace, one: object, two: object, run: str | None = "thumbnail", notes: Silent | None = None
) -> Compared:
    return compare(workspace, str(one), str(two), run, "cpu", notes or Silent())


def in_one_fold(workspace: Workspace) -> tuple[str, str, OutOfFold, int, int]:
    """Return the left and right id of two pairs of one fold, and where they stand out-of-fold."""
    oof = Run(workspace.runs / "thumbnail").out_of_fold()
    one, two = np.flatnonzero(oof.fold == 1)[:2]
    return str(oof.query_ids[one]), str(oof.gallery_ids[two]), oof, int(one), int(two)


@pytest.mark.parametrize("name", RUNS)
def test_new_images_are_as_alike_as_a_search_finds_them(name: str, workspace: Workspace) -> None:
    gallery = open_gallery(workspace.data)
    one, two = (next(id for id in gallery.ids if id.startswith(part)) for part in ("test/left", "test/right"))
    found = of(workspace, one, two, name)
    options = SearchOptions((one,), run=name, top=len(gallery) - 1, device="cpu")
    (searched,) = search(workspace, options, Silent()).found
    (expected,) = (near.similarity for near in searched.neighbours if near.id == two)
    assert found.similarity == pytest.approx(expected, abs=1e-5)
    assert of(workspace, two, one, name).similarity == pytest.approx(expected, abs=1e-5)
    assert not found.out_of_fold
    shutil.copy(workspace.data / one, "new.jpg")  # by paths, one of which is no part of the data
    assert of(workspace, "new.jpg", workspace.data / two, name).similarity == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", MEMBERS)
def test_training_images_of_one_fold_are_compared_by_the_model_that_saw_neither(
    name: str, workspace: Workspace
) -> None:
    query, candidate, _, one, two = in_one_fold(workspace)
    run, notes = Run(workspace.runs / name), Notes()
    oof = run.out_of_fold()
    raw = oof.scorer.similarity(oof.queries[[one]], oof.gallery[[two]])[0, 0]
    deviations = np.array(run.calibration().deviations)
    left, right = f"train/left/{query}.jpg", f"train/right/{candidate}.jpg"
    for images in ((left, right), (right, left), (workspace.data / left, right), (query, candidate)):
        found = of(workspace, *images, name, notes)
        assert found.out_of_fold
        assert found.similarity == pytest.approx(raw / deviations[1] / (1 / deviations).mean(), rel=1e-4)
    assert notes.notes == []


def test_two_images_have_a_score_in_a_blend_of_blends_by_places_too(workspace: Workspace) -> None:
    ensemble(workspace, ["places", "thumbnail"], EnsembleOptions(run="nested", weights="equal"))
    query, candidate, oof, one, _ = in_one_fold(workspace)
    scores = [of(workspace, query, name, "nested") for name in (candidate, str(oof.gallery_ids[one]))]
    assert all(found.out_of_fold for found in scores)
    by_members = [of(workspace, query, candidate, name).similarity for name in ("blend", "thumbnail")]
    assert scores[0].similarity != scores[1].similarity
    assert min(by_members) - 0.05 <= scores[0].similarity <= max(by_members) + 0.05


def test_images_that_a_run_has_learned_from_are_named(workspace: Workspace) -> None:
    query, _, oof, _, _ = in_one_fold(workspace)
    elsewhere = oof.gallery_ids[np.flatnonzero(oof.fold == 2)[0]]
    for one, two in (
        (f"train/left/{query}.jpg", f"train/right/{elsewhere}.jpg"),
        (f"train/left/{query}.jpg", f"train/left/{oof.query_ids[0]}.jpg"),
    ):
        notes = Notes()
        assert not of(workspace, one, two, notes=notes).out_of_fold
        assert [note.split(":")[0] for note in notes.notes] == [
            f"run thumbnail may have learned from {image}" for image in (one, two)
        ]


def test_other_images_under_the_same_names_are_not_taken_for_the_run_s(workspace: Workspace) -> None:
    query, candidate, *_ = in_one_fold(workspace)
    other = Path("other") / workspace.data.name
    shutil.copytree(workspace.data, other)
    names = f"train/left/{query}.jpg", f"train/right/{candidate}.jpg"
    shutil.copy(other / names[1], other / names[0])
    found = compare(Workspace(other, workspace.runs, workspace.cache), *names, "thumbnail", "cpu", Silent())
    assert not found.out_of_fold
    assert found.similarity == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("name", ["thumbnail", "verdict", "blend"])
def test_what_known_pairs_say(name: str, workspace: Workspace) -> None:
    run = Run(workspace.runs / name)
    known, oof = KnownScores.of(run), run.out_of_fold()
    sampled = SampledLists.of(oof)
    # The whole lists in the units of the run, whose blend is in deviations already.
    scores = sampled.scores if name == "blend" else sampled.in_deviations()
    scores = scores.astype(np.float64) / unit_of(run)
    rows = np.arange(len(scores))
    own, foils = (scores[rows, (sampled.truth + step) % scores.shape[1]] for step in (0, 1))
    some = score_out_of_fold(run, str(oof.query_ids[5]), str(oof.gallery_ids[5]))
    assert some == pytest.approx(own[5], rel=1e-4)
    assert known.matched[[0, -1]] == pytest.approx([own.min(), own.max()], rel=1e-5)
    assert known.threshold == pytest.approx(
        best_threshold(np.concatenate([own, foils]), np.repeat([True, False], len(own))), rel=1e-5
    )
    for score in np.quantile(own, [0, 0.3, 0.8, 1]):
        below = [100 * (kind < score).mean() for kind in (own, foils)]
        matched, unmatched = known.percentiles(float(score))
        assert matched == pytest.approx(below[0], abs=2)
        assert unmatched == pytest.approx(below[1], abs=15)  # of all foils, not of one a list
    assert known.percentiles(-1e9) == (0, 0)
    assert known.percentiles(1e9) == (100, 100)
    at_best = np.mean([(own > known.threshold).mean(), (foils <= known.threshold).mean()])
    assert 0.4 < known.accuracy <= at_best  # which the threshold was chosen for


def test_a_blend_of_places_is_weighed_by_its_members_scores(workspace: Workspace) -> None:
    run = Run(workspace.runs / "places")
    members = [run.member(member.run) for member in run.blend().members]
    query, candidate, *_ = in_one_fold(workspace)
    parts = [score_out_of_fold(member, query, candidate) * unit_of(member) for member in members]
    weights = [member.fold_weights[1] for member in run.blend().members]
    expected = np.dot(parts, weights) / unit_of(run)
    assert score_out_of_fold(run, query, candidate) == pytest.approx(expected, rel=1e-5)
    assert Blend.model_validate_json((run.folder / "ensemble.json").read_bytes()).kind == "rank"


def test_a_verdict_its_chance_and_what_is_printed(workspace: Workspace) -> None:
    gallery = open_gallery(workspace.data)
    same = next(id for id in gallery.ids if id.startswith("test/left"))
    found = of(workspace, same, same)
    assert found.similarity == pytest.approx(1, abs=1e-3)
    assert found.percentiles[1] == 100
    assert found.match
    assert found.chance_right == found.probability > 0.5
    rest = (of(workspace, same, id) for id in gallery.ids if id.startswith("test/right"))
    other = next(one for one in rest if one.similarity <= one.threshold)
    assert not other.match
    assert other.chance_right == 1 - other.probability
    assert other.probability < found.probability
    document = found.document()
    assert document["images"] == [same, same]
    assert document["percentile"]["unmatched"] == 100
    assert document["match"] is True
    assert document["share"] == 0.5


def test_two_files_need_no_data_and_the_best_run_is_named(workspace: Workspace) -> None:
    for number, file in enumerate(sorted((workspace.data / "test/left").iterdir())[:2]):
        shutil.copy(file, f"{number}.jpg")
    notes = Notes()
    found = compare(Workspace.here(Path("nowhere")), "0.jpg", "1.jpg", None, "cpu", notes)
    best = max(RUNS, key=lambda name: Run(workspace.runs / name).numbers()["expected_top_k"]["2"])
    assert found.run == best
    assert notes.notes[0] == f"comparing with run {best}, the best by out-of-fold top-2"
    assert str(Path.cwd()) not in workspace.sources()
    Path("empty").mkdir()  # nor do data that have nothing to do with them stand in the way
    again = compare(Workspace.here(Path("empty")), "0.jpg", "1.jpg", None, "cpu", notes)
    assert again.similarity == found.similarity


def test_what_cannot_be_compared_is_said(workspace: Workspace) -> None:
    good = next(id for id in open_gallery(workspace.data).ids if id.startswith("test/left"))
    Path("text.jpg").write_text("no image")
    for images, run, message in (
        ((good, "no.jpg"), "thumbnail", "there is no file no.jpg, nor an image of that id"),
        (("text.jpg", good), "thumbnail", r"cannot decode text.jpg"),
        ((good, good), "nobody", "there is no run 'nobody'"),
    ):
        with pytest.raises(UserError, match=message):
            of(workspace, *images, run)
    with pytest.raises(UserError, match=r"there is no file no.jpg, and .* does not exist\ngive the path"):
        compare(Workspace.here(Path("nowhere")), "no.jpg", "text.jpg", "thumbnail", "cpu", Silent())
    damaged = Path("small")
    (damaged / "test/left").mkdir(parents=True)
    (damaged / "test_candidates.csv").touch()
    (damaged / "test/left/cut.jpg").write_bytes((workspace.data / good).read_bytes()[:300])
    with pytest.raises(UserError, match=r"cannot decode test/left/cut.jpg: .*\nreplace the file") as raised:
        compare(Workspace.here(damaged), "test/left/cut.jpg", str(workspace.data / good), "thumbnail", "cpu", Silent())
    assert "--skip-bad" not in str(raised.value)


TOLD = {
    "threshold": 0.4,
    "probability": {"slope": 10.0, "intercept": -4.0, "share": 0.25},
    "quantiles": {"matched": [0.2, 0.6, 1.0], "unmatched": [-1.0, 0.0, 0.5]},
    "pairs": {"all": {"accuracy": 0.75}},
}


def test_of_a_collection_its_validation_pairs_speak(workspace: Workspace) -> None:
    run = Run(workspace.runs / "thumbnail")
    (run.folder / CHECKSUMS).unlink()  # made by hand from here on
    write_json(run.folder / VERIFICATION, TOLD)
    known = KnownScores.of(run)
    assert (known.threshold, known.accuracy, known.curve.share) == (0.4, 0.75, 0.25)
    assert known.percentiles(0.4) == pytest.approx((25, 90))
    assert known.curve.probability(np.array([0.4])) == pytest.approx(0.5)
    for damage in ({"quantiles": {"matched": [], "unmatched": []}}, {"quantiles": None}, {"threshold": "x"}):
        write_json(run.folder / VERIFICATION, TOLD | damage)
        with pytest.raises(UserError, match=r"verification.json has no quantiles .*\ndelete"):
            KnownScores.of(run)


def test_a_blend_s_numbers_of_a_collection_are_in_units_of_its_members(workspace: Workspace) -> None:
    """There the threshold is of the weighted sum over the deviations, as the pairs were scored."""
    run = Run(workspace.runs / "blend")
    plain, unit = TOLD["quantiles"], unit_of(run)
    (run.folder / CHECKSUMS).unlink()  # made by hand from here on
    write_json(run.folder / VERIFICATION, TOLD)
    known = KnownScores.of(run)
    np.testing.assert_allclose(known.matched * unit, plain["matched"])
    assert known.threshold * unit == pytest.approx(0.4)
    assert known.curve.probability(np.array([0.4 / unit])) == pytest.approx(0.5)
