"""Pairs of a collection: what is written against brute force, whole or not at all, and ranks that survive the text."""

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SharedFolder
from tests.workflows.conftest import Notes
from tlk.data import painters
from tlk.data.collection import Collection
from tlk.data.standins import draw_painters
from tlk.errors import UserError
from tlk.scoring.similarity import COSINE, Scorer
from tlk.verification import roc_auc
from tlk.workflows import pair_scores, run_models
from tlk.workflows import predict_pairs as module
from tlk.workflows.checksums import CHECKSUMS
from tlk.workflows.data_painters import make_painters
from tlk.workflows.data_pairs import PairOptions, make_pairs
from tlk.workflows.ensemble import EnsembleOptions, ensemble
from tlk.workflows.pair_parts import write_parts
from tlk.workflows.pair_scores import Curve, score_pairs
from tlk.workflows.predict_pairs import PairsPrediction, predict_pairs
from tlk.workflows.progress import Silent
from tlk.workflows.run import Run
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.verify import embedded, fit_probability
from tlk.workflows.workspace import Workspace

INFO = Path("kaggle/submission_info.csv")
SIMPLE = 'embedding={mirrored=false, descriptors=["thumbnail-6", "histogram"]}'
RUNS = {
    "plain": ("descriptors", [SIMPLE, "model.components=16", "training.epochs=5"]),
    "verdict": ("adaptation", ["split=folds", SIMPLE, "model.hidden=8", "training.epochs=2"]),
}
CURVE = Curve(slope=4.0, intercept=-1.0, share=0.25)


@pytest.fixture(scope="module")
def trained(shared_folder: SharedFolder) -> Path:
    """A stand-in, a collection of it, a run of embeddings and one of a learned verdict."""

    def make(folder: Path) -> None:
        draw_painters(Path("kaggle"), 12, 6)
        make_painters(Path("kaggle"), Path("painters"), 64, None, Silent())
        workspace = Workspace.here(Path("painters"))
        make_pairs(workspace, PairOptions(("artist",)), Silent())
        for name, (recipe, settings) in RUNS.items():
            train(workspace, TrainOptions(recipe=recipe, run=name, settings=settings, device="cpu"), Silent())

    return shared_folder("pairs", make)


@pytest.fixture
def workspace(trained: Path, workspace_folder: Path) -> Workspace:
    """A copy of it to work in."""
    shutil.copytree(trained, workspace_folder, dirs_exist_ok=True)
    return Workspace.here(Path("painters"))


def predicted(workspace: Workspace, name: str | None = "plain", pairs: Path = INFO, rows: int = 100) -> PairsPrediction:
    return predict_pairs(workspace, name, pairs, Path("out"), "cpu", Silent(), rows)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def written(folder: Path = Path("out")) -> list[list[str]]:
    parts = [rows_of(path) for path in sorted(folder.iterdir())]
    assert all(part[0] == ["index", "sameArtist"] and len(part) > 1 for part in parts)
    return [row for part in parts for row in part[1:]]


def content(folder: Path = Path("out")) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pairs_file(*pairs: tuple[str, str], name: str = "pairs.csv") -> Path:
    lines = ["i,a,b", *(f"{index},{first}.jpg,{second}.jpg" for index, (first, second) in enumerate(pairs))]
    Path(name).write_text("\n".join(lines) + "\n")
    return Path(name)


def brute_force(workspace: Workspace, name: str) -> np.ndarray:
    """Return the scores of the stand-in's pairs, one at a time."""
    collection = Collection(workspace.data)
    every = np.arange(len(collection))
    embeddings, scorer = embedded(Run(workspace.runs / name), collection, every, workspace, "cpu", Silent())
    pairs = [[collection.ids.index(cell.removesuffix(".jpg")) for cell in row[1:]] for row in rows_of(INFO)[1:]]
    return np.array([scorer.compare(embeddings[[one]], embeddings[[other]])[0] for one, other in pairs], np.float64)


@pytest.mark.parametrize("name", RUNS)
def test_every_pair_gets_the_probability_of_its_score(
    name: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painters, "BLOCK", 70)  # neither parts nor what is compared together end where blocks do
    monkeypatch.setattr(pair_scores, "_NUMBERS", 16 * 9)
    monkeypatch.setattr(pair_scores, "_LEARNED", 300 * 9)
    done = predicted(workspace, name)
    rows, asked = written(), rows_of(INFO)[1:]
    assert [row[0] for row in rows] == [row[0] for row in asked]
    curve = json.loads((workspace.runs / name / "verification.json").read_text())["probability"]
    assert curve["slope"] > 0
    expected = 1 / (1 + np.exp(-curve["slope"] * brute_force(workspace, name) - curve["intercept"]))
    np.testing.assert_allclose(np.array([row[1] for row in rows], float), expected, rtol=2e-5)
    assert np.ptp(expected) > 0.01
    images = len({cell for row in asked for cell in row[1:]})
    assert (done.pairs, done.parts, done.images, done.absent) == (len(asked), -(-len(asked) // 100), images, 0)
    assert [len(rows_of(path)) - 1 for path in sorted(Path("out").iterdir())][:2] == [100, 100]


def test_the_text_ranks_as_the_scores_do(workspace: Workspace) -> None:
    predicted(workspace)
    artist = {row[11]: row[0].strip() for row in rows_of(Path("kaggle/all_data_info.csv"))[1:]}
    match = np.array([artist[row[1]] == artist[row[2]] for row in rows_of(INFO)[1:]])
    assert 10 < match.sum() < len(match) / 2
    exact = roc_auc(brute_force(workspace, "plain"), match)
    assert 0.5 < exact < 1
    assert abs(roc_auc(np.array([row[1] for row in written()], float), match) - exact) < 1e-4


def test_ranks_survive_where_validation_pairs_are_told_apart_without_error(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    match = np.arange(50_000) % 2 == 0
    sure = np.where(match[:800], 0.8, 0.1) + random.uniform(-0.05, 0.05, 800)
    curve = Curve(**fit_probability(sure, match[:800], 0.45))
    scores = np.where(match, 0.8, 0.4) + random.normal(0, 0.25, len(match))  # on others it is less sure of itself
    write_parts([([str(i) for i in range(len(match))], curve.probability(scores))], tmp_path, 10**6)
    text = np.array([row[1] for row in rows_of(tmp_path / "part-000.csv")[1:]], float)
    assert abs(roc_auc(text, match) - roc_auc(scores, match)) < 1e-4


def test_a_second_prediction_embeds_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    predicted(workspace)
    first = content()

    def refuse(*arguments: object) -> None:
        raise AssertionError("something was embedded")

    monkeypatch.setattr(run_models, "embed_with_models", refuse)
    predicted(workspace)
    assert content() == first


def test_only_images_that_are_named_are_embedded(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    whole = run_models.embed_with_models
    monkeypatch.setattr(run_models, "embed_with_models", lambda *given: (asked.extend(given[3]), whole(*given)))
    shutil.rmtree(workspace.cache)
    one, two, three = Collection(workspace.data).ids[:3]
    done = predicted(workspace, pairs=pairs_file((one, two), (two, three), (three, three)))
    assert sorted(asked) == sorted(f"images/{name}.jpg" for name in (one, two, three))
    assert done.images == 3
    assert len(written()) == 3


def test_a_rerun_replaces_its_parts_and_nothing_else(workspace: Workspace) -> None:
    predicted(workspace)
    Path("out/notes.csv").write_text("mine")
    Path("out/part-000.csv").write_text("index,sameArtist\nold,0\n")
    done = predicted(workspace, rows=300)
    assert sorted(content()) == ["notes.csv", "part-000.csv", "part-001.csv"]
    assert done.parts == 2
    assert content()["notes.csv"] == b"mine"
    assert len(rows_of(Path("out/part-000.csv"))) == 301


def test_what_only_has_the_name_of_a_part_is_kept(workspace: Workspace) -> None:
    Path("out").mkdir()
    for name in ("part-000.csv", "part-007.csv"):
        Path("out", name).write_text("mine,too\n1,2\n")
        notes = Notes()
        with pytest.raises(UserError, match=f"cannot write into out: {name} is no part of pairs\nname another"):
            predict_pairs(workspace, "plain", INFO, Path("out"), "cpu", notes)
        assert not notes.notes  # it is said before anything is read
        assert content() == {name: b"mine,too\n1,2\n"}
        Path("out", name).unlink()


def test_parts_go_where_they_go_by_default(workspace: Workspace) -> None:
    done = predict_pairs(workspace, "plain", INFO, None, "cpu", Silent())
    assert done.folder == Path("submissions/plain-pairs")
    assert sorted(content(done.folder)) == ["part-000.csv"]


def spoil(path: Path) -> Path:
    lines = path.read_text().splitlines()
    lines[300] = "299,one.jpg"
    Path("bad.csv").write_text("\n".join(lines))
    return Path("bad.csv")


def test_a_bad_row_leaves_what_there_was(workspace: Workspace) -> None:
    with pytest.raises(UserError, match=r"bad.csv, line 301: 2 cells where the header has 3"):
        predicted(workspace, pairs=spoil(INFO))
    assert not Path("out").exists()
    predicted(workspace)
    first = content()
    with pytest.raises(UserError, match="line 301"):
        predicted(workspace, pairs=spoil(INFO), rows=50)
    assert content() == first


@pytest.mark.parametrize("change", ["longer", "bad"])
def test_a_file_that_changes_meanwhile_leaves_what_there_was(
    change: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*given: object) -> tuple[np.ndarray, Scorer]:
        if change == "bad":
            shutil.move(spoil(INFO), INFO)
        else:
            INFO.write_text(INFO.read_text() + INFO.read_text().splitlines()[-1] + "\n")
        return embedded(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(painters, "BLOCK", 100)
    monkeypatch.setattr(module, "embedded", meanwhile)
    with pytest.raises(UserError, match="has changed while it was read" if change == "longer" else "line 301"):
        predicted(workspace)
    assert not Path("out").exists()


def test_pairs_of_absent_images_get_the_share_of_matches(workspace: Workspace) -> None:
    one, two = Collection(workspace.data).ids[:2]
    notes = Notes()
    with pytest.raises(UserError, match=r"few.csv: 2 of 199 pairs are of images that painters lacks, such as 'noone'"):
        predicted(workspace, pairs=pairs_file(*[(one, two)] * 197, ("x", one), (two, "noone"), name="few.csv"))
    assert not Path("out").exists()
    pairs = pairs_file(*[(one, two)] * 298, ("nobody", one), (two, "noone"), name="few.csv")
    done = predict_pairs(workspace, "plain", pairs, Path("out"), "cpu", notes)
    assert (done.absent, done.pairs, done.images) == (2, 300, 2)
    rows = written()
    assert [row[1] for row in rows[298:]] == ["0.5", "0.5"]  # as many matched pairs as unmatched ones were drawn
    assert len({row[1] for row in rows[:298]}) == 1
    assert any(
        "2 of 300 pairs" in note and "such as 'noone'" in note and "0.5 stands there" in note for note in notes.notes
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pairs": "i,a,b\n"}, "pairs.csv has a header but no pairs"),
        ({"pairs": "i,a,b\n" + "0,{0}.jpg,{1}.jpg\n" * 2001, "rows": 2}, "--shard-rows 2: 2,001 pairs .*\ntake 3"),
        ({"pairs": "i,a,b\n0,{0}.jpg,{1}.jpg\n", "rows": 0}, "--shard-rows 0: "),
        ({"out": "some.csv"}, "--out some.csv: the pairs are written in parts, into a folder"),
        ({"out": "painters/collection.csv/x"}, "cannot write painters/collection.csv/x: "),
        ({"out": "runs/plain"}, "cannot write runs/plain: that is a place of the runs"),
        ({"out": ".tlk"}, "cannot write .tlk: that is a place of the cache"),
        ({"out": "painters/images"}, "cannot write painters/images: that is a place of the data"),
        ({"data": "kaggle"}, "--pairs: kaggle is no collection"),
        ({"run": "nobody"}, "there is no run 'nobody'"),
        ({"run": "lists"}, "run lists was not trained on a collection"),
        ({"run": "older"}, "older/verification.json has no probability"),
        ({"run": "falling"}, "falling/verification.json: its probability does not rise"),
        ({"missing": "no.csv"}, "cannot read no.csv"),
    ],
    ids=str,
)
def test_faults_are_said_and_nothing_is_written(given: dict[str, str], message: str, workspace: Workspace) -> None:
    for name in ("lists", "older", "falling"):
        shutil.copytree("runs/plain", f"runs/{name}", ignore=shutil.ignore_patterns(CHECKSUMS))
    Path("runs/lists/verification.json").unlink()
    told = json.loads(Path("runs/plain/verification.json").read_text())
    Path("runs/falling/verification.json").write_text(
        json.dumps(told | {"probability": told["probability"] | {"slope": -1.0}})
    )
    del told["probability"]
    Path("runs/older/verification.json").write_text(json.dumps(told))
    pairs = Path(given.get("missing", INFO))
    if "pairs" in given:
        pairs = Path("pairs.csv")
        pairs.write_text(given["pairs"].format(*Collection(workspace.data).ids[:2]))
    out, rows = Path(given.get("out", "out")), int(given.get("rows", 100))
    workspace = replace(workspace, data=Path(given.get("data", "painters")))
    before = sorted(Path().rglob("*.csv"))
    with pytest.raises(UserError, match=message) as caught:
        predict_pairs(workspace, given.get("run", "plain"), pairs, out, "cpu", Silent(), rows)
    assert len(str(caught.value).split("\n")) <= 3
    assert not Path("out").exists()
    assert sorted(Path().rglob("*.csv")) == before


def rated(name: str, auc: float | None, data: str = "painters") -> None:
    shutil.copytree("runs/plain", f"runs/{name}", ignore=shutil.ignore_patterns(CHECKSUMS))
    told = json.loads(Path(f"runs/{name}/verification.json").read_text())
    told["pairs"]["all"]["auc"] = auc
    Path(f"runs/{name}/verification.json").write_text(json.dumps(told))
    manifest = json.loads(Path(f"runs/{name}/manifest.json").read_text())
    manifest["data"]["name"] = data
    Path(f"runs/{name}/manifest.json").write_text(json.dumps(manifest))


def test_the_best_run_on_the_data_is_taken_and_named(workspace: Workspace) -> None:
    rated("best", 0.97)
    rated("elsewhere", 0.99, data="nga")
    rated("damaged", None)
    rated("lists", 0.98)
    Path("runs/lists/verification.json").unlink()
    notes = Notes()
    assert predict_pairs(workspace, None, INFO, Path("out"), "cpu", notes).run.name == "best"
    assert any("run best, the best of 3: ROC AUC 97.0 %" in note for note in notes.notes)
    for name in ("plain", "verdict", "best"):
        shutil.rmtree(Path("runs", name))
    with pytest.raises(UserError, match="has no area under the ROC curve"):
        predicted(workspace, None)
    shutil.rmtree("runs/damaged")
    with pytest.raises(UserError, match="no run in runs was trained on the collection painters"):
        predicted(workspace, None)


def test_a_score_that_is_not_finite_is_refused() -> None:
    embeddings = np.array([[1.0, 0.0], [np.nan, 0.0]], np.float32)
    blocks = [(["a", "b", "c"], np.array([0, -1, 0]), np.array([0, 1, 1]))]
    with pytest.raises(UserError, match="the score of pair 'c' is not finite"):
        list(score_pairs(embeddings, blocks, COSINE, CURVE))


def test_parts_hold_what_they_should(tmp_path: Path) -> None:
    blocks = [
        (["7", "a,b"], np.array([1e-30 / 3, 0.123456789])),
        (["c"], np.array([1.0])),
        (["d", 'e"f'], np.array([0.25, 2 / 3])),
    ]
    assert write_parts(blocks, tmp_path, 3) == 2
    assert (tmp_path / "part-000.csv").read_bytes() == b'index,sameArtist\n7,3.33333e-31\n"a,b",0.123457\nc,1\n'
    assert (tmp_path / "part-001.csv").read_bytes() == b'index,sameArtist\nd,0.25\n"e""f",0.666667\n'
    assert write_parts(blocks, tmp_path, 5) == 1


def logistic(slope: float, intercept: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda scores: 1 / (1 + np.exp(-slope * scores - intercept))


def test_the_curve_that_made_the_matches_is_found() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(3, 0.01, 40_000)  # wherever scores lie, and however little they spread
    match = random.random(len(scores)) < logistic(200, -600)(scores)
    found = fit_probability(scores, match, 3.0)
    assert found["slope"] == pytest.approx(200, rel=0.05)
    assert found["intercept"] == pytest.approx(-600, rel=0.05)
    assert found["share"] == match.mean()
    curve = Curve(**found)
    assert curve.probability(scores).mean() == pytest.approx(match.mean(), abs=1e-3)


MATCH = np.arange(20) % 2 == 0


@pytest.mark.parametrize(
    ("scores", "threshold"),
    [
        (np.where(MATCH, 0.9, 0.1), 0.5),  # told apart without error
        (np.where(MATCH, 0.1, 0.9), -0.9),  # falling with likeness
        (np.full(20, 0.3), -0.7),  # all alike
        (np.where(MATCH, 0.9, np.nan), 0.5),  # of one kind alone
        (np.full(20, np.nan), 0.0),
        (np.where(np.arange(20) < 4, 0.5, np.where(MATCH, 0.9, 0.1)), 0.5),
    ],
)
def test_the_curve_is_finite_and_rises_in_any_case(scores: np.ndarray, threshold: float) -> None:
    curve = Curve(**fit_probability(scores, MATCH, threshold))
    assert 0 < curve.slope < np.inf
    assert curve.share == 0.5
    values = curve.probability(np.linspace(-2, 2, 9))
    assert ((values > 0) & (values <= 1)).all()
    assert (np.diff(values) >= 0).all()
    assert curve.probability(np.array([-0.5]))[0] < curve.probability(np.array([-0.4]))[0]
    if np.isnan(scores).any() or scores[0] <= scores[1]:  # what says nothing is about the threshold
        assert curve.probability(np.array([threshold]))[0] == pytest.approx(0.5)
    assert curve.probability(np.array([-1e6, 1e6])).tolist() == [0.0, 1.0]


def test_a_collection_is_known_by_its_images_whatever_its_folder_is_called(workspace: Workspace) -> None:
    Path("painters").rename("renamed")
    shutil.copytree("runs/plain", "runs/twin")
    options = EnsembleOptions(run="both", weights="equal")
    with pytest.raises(UserError, match="trained on the collection 'painters', not on painters"):
        ensemble(workspace, ["plain", "twin"], options)
    assert not Path("runs/both").exists()
    done, *_ = ensemble(Workspace.here(Path("renamed")), ["plain", "twin"], options)
    assert done.verification() is not None
    first, *_, last = sorted(Path("renamed/images").iterdir())
    first.write_bytes(last.read_bytes())
    with pytest.raises(UserError, match="not on renamed"):
        ensemble(Workspace.here(Path("renamed")), ["plain", "twin"], EnsembleOptions(run="other", weights="equal"))
