"""Runs on a collection whose parts and pairs are made anew: what they have learned from may be in the test part."""

from pathlib import Path

import pytest

from tests.workflows.conftest import Notes
from tlk.data.collection import Collection
from tlk.data.collection_pairs import PAIRS_TABLE, read_pairs
from tlk.data.parts import TEST, TRAIN
from tlk.data.standins import draw_painters
from tlk.errors import UserError
from tlk.workflows.collection_tables import tables_of
from tlk.workflows.compare import compare
from tlk.workflows.data_painters import make_painters
from tlk.workflows.data_pairs import PairOptions, make_pairs
from tlk.workflows.ensemble import EnsembleOptions, ensemble
from tlk.workflows.progress import Silent
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(workspace_folder: Path) -> Workspace:
    """A collection, and the run `plain` on it."""
    draw_painters(Path("kaggle"), 12, 6)
    make_painters(Path("kaggle"), Path("painters"), 64, None, Silent())
    workspace = Workspace.here(Path("painters"))
    make_pairs(workspace, PairOptions(("artist",)), Silent())
    train(workspace, TrainOptions(recipe="thumbnail", run="plain"), Silent())
    return workspace


def test_images_that_a_run_may_have_learned_from_are_named(workspace: Workspace) -> None:
    collection = Collection(workspace.data)
    part = read_pairs(collection, workspace.data).image_part.tolist()
    learned, tested = part.index(TRAIN), part.index(TEST)

    def told() -> tuple[float, list[str]]:
        notes = Notes()
        found = compare(workspace, collection.ids[learned], collection.ids[tested], "plain", "cpu", notes)
        return found.similarity, [note.split(":")[0] for note in notes.notes]

    similarity, named = told()
    note = "run plain may have learned from {}".format
    assert named == [note(collection.paths[learned])]
    make_pairs(workspace, PairOptions(("artist",), seed=1), Silent())  # the run's own parts are not known any more
    assert told() == (similarity, [note(collection.paths[image]) for image in (learned, tested)])
    (workspace.data / PAIRS_TABLE).unlink()  # then nothing tells which images those were
    assert told() == (similarity, [note(collection.paths[image]) for image in (learned, tested)])


def test_runs_are_not_blended_on_other_parts_than_they_were_trained_on(workspace: Workspace) -> None:
    train(workspace, TrainOptions(recipe="thumbnail", run="again"), Silent())
    options = EnsembleOptions.of("both", "log_odds", "equal", False, False)
    make_pairs(workspace, PairOptions(("artist",), seed=1), Silent())
    with pytest.raises(UserError, match="has other parts and pairs than those that the members were trained with"):
        ensemble(workspace, ["plain", "again"], options)
    assert not (workspace.runs / "both").exists()
    make_pairs(workspace, PairOptions(("artist",)), Silent())
    run, _, _ = ensemble(workspace, ["plain", "again"], options)
    assert tables_of(run, Collection(workspace.data), workspace.data) is not None
