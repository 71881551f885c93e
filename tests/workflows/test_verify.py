"""From drawn paintings to a verdict on pairs of them: nothing is learned or chosen from what is tested."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlk.data.collection import Collection, write_collection
from tlk.data.collection_pairs import PAIRS_HEADER, read_pairs
from tlk.data.parts import TEST, TRAIN, VALIDATION
from tlk.data.standins import draw_painters
from tlk.errors import UserError
from tlk.tables import format_table
from tlk.training.examples import Examples
from tlk.training.train import Trainer
from tlk.workflows.compare import compare
from tlk.workflows.data_painters import make_painters
from tlk.workflows.data_pairs import PairOptions, make_pairs
from tlk.workflows.progress import Silent
from tlk.workflows.run import Run
from tlk.workflows.train import train
from tlk.workflows.train_folds import FoldListener
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.verify import embedded, verify
from tlk.workflows.workspace import Workspace

pytestmark = pytest.mark.slow

OPTIONS = PairOptions(("artist",), shares=(50, 30, 20), unseen=20)
DESCRIPTORS = '["thumbnail", "texture", "histogram", "histogram-2", "edge-layout", "gradients-4"]'
MARGIN = f"""
name = "margin"
summary = "s"
source = "s"
embedding = {{ mirrored = true, descriptors = {DESCRIPTORS} }}
model = {{ name = "adapter", components = 128, whitening = 0.2, dropout = 0.2 }}
loss = {{ name = "class_margin", margin = 0.2, scale = 16 }}
training = {{ epochs = 12, batch_size = 64, learning_rate = 1e-3, patience = 12 }}
"""
VERDICT = """
name = "verdict"
summary = "s"
source = "s"
embedding = { mirrored = false, descriptors = ["texture", "histogram", "histogram-2"] }
model = { name = "adaptation", hidden = 64 }
loss = { name = "binary_cross_entropy" }
training = { epochs = 15, batch_size = 32, learning_rate = 1e-3, watch = "accuracy", patience = 15 }
"""
SMALL = (f"embedding={{mirrored=true, descriptors={DESCRIPTORS}}}", "model.components=128", "training.epochs=10")
RECIPES = {"descriptors": SMALL, "margin.toml": (), "verdict.toml": (), "thumbnail": ()}

Teach = Callable[..., Run]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a collection of thirty drawn artists, six of whom are in its test part alone, and two recipes."""
    folder = tmp_path_factory.mktemp("art")
    draw_painters(folder / "kaggle", artists=30, paintings=12)
    make_painters(folder / "kaggle", folder / "painters", 96, None, Silent())
    make_pairs(at(folder), OPTIONS, Silent())
    (folder / "margin.toml").write_text(MARGIN)
    (folder / "verdict.toml").write_text(VERDICT)
    return folder


def at(home: Path, data: str = "painters") -> Workspace:
    return Workspace(home / data, home / "runs", home / "cache")


@pytest.fixture(scope="module")
def teach(home: Path) -> Teach:
    """Train a recipe, once unless it is asked for under another name."""

    def done(recipe: str, run: str | None = None, data: str = "painters", **options: Any) -> Run:
        found = Run(home / "runs" / (run or recipe))
        if not found.folder.exists():
            name = str(home / recipe) if recipe.endswith(".toml") else recipe
            given = {"settings": RECIPES[recipe], "device": "cpu"} | options
            train(at(home, data), TrainOptions(recipe=name, run=run or recipe, **given), Silent())
        return found

    return done


def verification_of(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.folder / "verification.json").read_text())
    return found


def copied(home: Path, name: str) -> Path:
    """Return a copy of the collection, beside it."""
    place = home / name
    shutil.copytree(home / "painters", place)
    return place


def test_the_collection_is_what_it_should_be(home: Path) -> None:
    collection = Collection(home / "painters")
    found, artist = read_pairs(collection, home / "painters"), np.array(collection.column("artist"))
    parts = {part: set(artist[found.image_part == part]) for part in (TRAIN, VALIDATION, TEST)}
    assert len(parts[TEST] - parts[TRAIN]) >= 5
    assert len(parts[TEST] & parts[TRAIN]) >= 5
    assert not parts[VALIDATION] - parts[TRAIN] - parts[TEST]


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_what_is_written(recipe: str, home: Path, teach: Teach) -> None:
    row = verification_of(teach(recipe))
    assert {"threshold", "pairs", "gallery"} <= set(row)
    assert np.isfinite(row["threshold"])
    kinds = row["pairs"]
    assert {"all", "seen in training", "unseen in training"} <= set(kinds)
    found = read_pairs(Collection(home / "painters"), home / "painters")
    assert kinds["all"]["n"] == (found.part == TEST).sum()
    assert kinds["all"]["n"] == kinds["seen in training"]["n"] + kinds["unseen in training"]["n"]
    for kind in kinds.values():
        assert set(kind) == {"n", "matched", "accuracy", "ci95", "auc", "auc_ci95", "positive", "negative"}
        assert kind["matched"] * 2 == kind["n"]
        assert kind["positive"] > kind["negative"]
        assert kind["ci95"][0] <= kind["accuracy"] <= kind["ci95"][1]
        assert kind["auc_ci95"][0] <= kind["auc"] <= kind["auc_ci95"][1]
    gallery = row["gallery"]["artist"]
    assert gallery["gallery"] == (found.image_part == TEST).sum()
    for name in ("recall", "precision"):
        assert list(gallery[name]) == list(gallery[f"{name}_ci95"]) == list(gallery["chance"]) == ["1", "5", "10"]
    assert not (home / "runs" / f"{recipe}.partial").exists()


@pytest.mark.parametrize("recipe", ["descriptors", "margin.toml", "verdict.toml"])
def test_what_is_learned_holds_for_artists_seen_and_unseen(recipe: str, teach: Teach) -> None:
    row = verification_of(teach(recipe))
    for kind in ("all", "seen in training", "unseen in training"):
        assert row["pairs"][kind]["auc_ci95"][0] > 0.5
        assert row["pairs"][kind]["ci95"][0] > 0.5
    gallery = row["gallery"]["artist"]
    for name in ("recall", "precision"):
        for k, (low, _) in gallery[f"{name}_ci95"].items():
            assert low > gallery["chance"][k][name]


def test_a_margin_between_artists_beats_what_learns_nothing(teach: Teach) -> None:
    learned, floor = (verification_of(teach(recipe)) for recipe in ("margin.toml", "thumbnail"))
    for kind in ("all", "unseen in training"):
        assert learned["pairs"][kind]["auc"] > floor["pairs"][kind]["auc"] + 0.05
    for k in ("1", "5", "10"):
        assert learned["gallery"]["artist"]["recall"][k] > floor["gallery"]["artist"]["recall"][k] + 0.05
    rows = list(csv.DictReader((teach("margin.toml").folder / "history.csv").read_text().splitlines()))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert all(row["inner_top_2"] for row in rows)


@pytest.mark.parametrize("recipe", ["descriptors", "verdict.toml"])
def test_two_images_are_compared_as_its_pairs_were(recipe: str, home: Path, teach: Teach) -> None:
    run, workspace = teach(recipe), at(home)
    told, collection = verification_of(run), Collection(home / "painters")
    found = read_pairs(collection, home / "painters")
    shown = [int(np.flatnonzero((found.part == part) & found.match)[0]) for part in (TRAIN, VALIDATION, TEST)]
    images = np.concatenate([found.left[shown], found.right[shown]])
    embeddings, scorer = embedded(run, collection, images, workspace, "cpu", Silent())
    for number, part in enumerate((TRAIN, VALIDATION, TEST)):
        expected = scorer.compare(embeddings[[number]], embeddings[[number + len(shown)]])[0]
        notes: list[str] = []
        reporter = Silent()
        reporter.note = notes.append  # type: ignore[method-assign]
        pair = [collection.paths[images[place]] for place in (number, number + len(shown))]
        names = [str(home / "painters" / pair[0]), collection.ids[images[number + len(shown)]]]
        one = compare(workspace, *names, run.name, "cpu", reporter)
        assert one.similarity == pytest.approx(expected, abs=2e-3)  # stored in half precision
        assert (one.threshold, one.accuracy) == (told["threshold"], told["pairs"]["all"]["accuracy"])
        assert [note.split(":")[0] for note in notes if "may have" in note] == (
            [f"run {recipe} may have learned from {path}" for path in pair] if part == TRAIN else []
        )
        matched = told["quantiles"]["matched"]
        assert len(matched) == 101
        assert part != VALIDATION or matched[0] - 2e-3 <= one.similarity <= matched[-1] + 2e-3


def with_verdicts_of(part: str, place: Path) -> None:
    """Deal the verdicts of one part's pairs out anew."""
    rows = list(csv.reader((place / "pairs.csv").read_text().splitlines()))[1:]
    own = [number for number, row in enumerate(rows) if row[4] == part]
    verdicts = np.random.default_rng(0).permutation([rows[number][2] for number in own])
    for number, verdict in zip(own, verdicts, strict=True):
        rows[number][2] = str(verdict)
    (place / "pairs.csv").write_text(format_table(PAIRS_HEADER, rows))


def test_the_threshold_hangs_on_the_validation_part_alone(home: Path, teach: Teach) -> None:
    run, usual = teach("descriptors"), verification_of(teach("descriptors"))
    copied(home, "usual")
    assert json.loads(json.dumps(verify(run, at(home, "usual"), "cpu", Silent()))) == usual
    with_verdicts_of("test", copied(home, "other-test"))
    row = verify(run, at(home, "other-test"), "cpu", Silent())
    assert row["threshold"] == usual["threshold"]
    assert row["pairs"]["all"]["auc"] == pytest.approx(0.5, abs=0.1)
    with_verdicts_of("validation", copied(home, "other-validation"))
    row = verify(run, at(home, "other-validation"), "cpu", Silent())
    assert row["threshold"] != usual["threshold"]
    assert row["pairs"]["all"]["auc"] == usual["pairs"]["all"]["auc"]
    with_verdicts_of("train", copied(home, "other-train"))
    assert json.loads(json.dumps(verify(run, at(home, "other-train"), "cpu", Silent()))) == usual


@pytest.mark.parametrize("recipe", ["descriptors", "margin.toml"])
def test_shuffled_artists_end_at_chance(recipe: str, home: Path, teach: Teach) -> None:
    """No signal: whatever leaks between learning, choosing and testing would lift this."""
    data = f"shuffled-{recipe}"
    place = copied(home, data)
    collection = Collection(place)
    artists = np.random.default_rng(0).permutation(collection.column("artist"))
    images = zip(collection.ids, collection.paths, artists, strict=True)
    write_collection(place, ("artist",), [tuple(map(str, row)) for row in images])
    make_pairs(at(home, data), OPTIONS, Silent())
    row = verification_of(teach(recipe, run=data, data=data))
    for value, interval in (("accuracy", "ci95"), ("auc", "auc_ci95")):
        low, high = row["pairs"]["all"][interval]
        assert low <= 0.5 <= high
        for kind in ("seen in training", "unseen in training"):
            assert row["pairs"][kind][value] == pytest.approx(0.5, abs=0.1)
    low, high = row["gallery"]["artist"]["recall_ci95"]["5"]
    assert low <= row["gallery"]["artist"]["chance"]["5"]["recall"] <= high


@pytest.mark.parametrize("recipe", ["descriptors", "margin.toml", "verdict.toml"])
def test_no_image_is_learned_from_that_validates_or_is_tested(
    recipe: str, home: Path, teach: Teach, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Examples, Examples | None]] = []
    real = Trainer._run

    def watched(self: Trainer, learned: Examples, held_out: Examples | None, *rest: Any) -> Any:
        given.append((learned, held_out))
        return real(self, learned, held_out, *rest)

    monkeypatch.setattr(Trainer, "_run", watched)
    more = [setting for setting in RECIPES[recipe] if "epochs" not in setting]
    teach(recipe, run=f"watched-{recipe}", settings=[*more, "training.epochs=1"])
    ((learned, held_out),) = given
    found = read_pairs(Collection(home / "painters"), home / "painters")
    part = found.image_part[found.image_part >= 0]  # the others are not embedded
    assert set(part[learned.images]) == {TRAIN}
    assert held_out is not None
    assert set(part[held_out.images]) == {VALIDATION}
    assert len(learned) == (found.match & (found.part == TRAIN)).sum()


@pytest.mark.parametrize("recipe", ["descriptors", "margin.toml", "verdict.toml"])
def test_a_run_that_was_interrupted_ends_where_another_does(
    recipe: str, home: Path, teach: Teach, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, heard = f"cut-{recipe}", []

    def interrupt(self: FoldListener, stage: str, row: object) -> None:
        heard.append(row)
        if len(heard) == 4:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FoldListener, "epoch", interrupt)
        with pytest.raises(KeyboardInterrupt):
            teach(recipe, run=name)
    assert (home / "runs" / f"{name}.partial").exists()
    resumed, whole = teach(recipe, run=name, resume=True), teach(recipe)
    assert verification_of(resumed) == verification_of(whole)
    assert (resumed.folder / "fold0/model.safetensors").read_bytes() == whole.model(0).read_bytes()
    with np.load(resumed.folder / "oof.npz") as one, np.load(whole.folder / "oof.npz") as other:
        assert all((one[name] == other[name]).all() for name in other.files)


def test_a_run_is_not_resumed_with_other_pairs(home: Path, teach: Teach, monkeypatch: pytest.MonkeyPatch) -> None:
    data, place = "redrawn", copied(home, "redrawn")
    with monkeypatch.context() as patch:
        patch.setattr("tlk.workflows.train_one.verify", lambda *given: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            teach("thumbnail", run="redrawn", data=data)
    rows = (place / "pairs.csv").read_text().splitlines()
    (place / "pairs.csv").write_text("\n".join(rows[:1] + rows[3:]) + "\n")
    with pytest.raises(UserError, match="was started with another recipe, other folds"):
        teach("thumbnail", run="redrawn", data=data, resume=True)
    (place / "pairs.csv").write_text("\n".join(rows) + "\n")
    row = verification_of(teach("thumbnail", run="redrawn", data=data, resume=True))
    assert row == verification_of(teach("thumbnail"))


def test_what_a_collection_has_not_is_refused(home: Path, teach: Teach) -> None:
    with pytest.raises(UserError, match="--refit is for competitions"):
        teach("descriptors", run="refused", refit=True)
    with pytest.raises(UserError, match="pseudo_pairs is for competitions"):
        teach("descriptors", run="refused", settings=[*SMALL, "pseudo_pairs=true"])
    with pytest.raises(UserError, match="--folds is for competitions"):
        teach("descriptors", run="refused", folds=home / "folds.csv")
    assert not list((home / "runs").glob("refused*"))


def test_each_rule_has_its_row(home: Path, teach: Teach) -> None:
    place = copied(home, "rules")
    options = PairOptions(("artist", "artist+genre"), shares=(50, 30, 20))
    make_pairs(at(home, "rules"), options, Silent())
    row = verification_of(teach("thumbnail", run="rules", data="rules"))
    found = read_pairs(Collection(place), place)
    assert set(row["pairs"]) - {"seen in training", "unseen in training"} == {
        "all",
        "rule artist",
        "rule artist+genre",
    }
    for number, rule in enumerate(options.rules):
        assert row["pairs"][f"rule {rule}"]["n"] == ((found.rule == number) & (found.part == TEST)).sum()
    assert set(row["gallery"]) == set(options.rules)
    chances = [row["gallery"][rule]["chance"]["5"]["recall"] for rule in options.rules]
    assert chances[1] < chances[0]
