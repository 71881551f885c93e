"""Two images of a collection compared: which of them the run may have learned from."""

from pathlib import Path

import pytest

from tests.workflows.conftest import Notes
from tlk.data.collection import Collection
from tlk.data.collection_pairs import PAIRS_TABLE, read_pairs
from tlk.data.parts import TEST, TRAIN
from tlk.data.standins import draw_painters
from tlk.workflows.compare import compare
from tlk.workflows.data_painters import make_painters
from tlk.workflows.data_pairs import PairOptions, make_pairs
from tlk.workflows.progress import Silent
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

pytestmark = pytest.mark.slow


def test_images_that_a_run_may_have_learned_from_are_named(workspace_folder: Path) -> None:
    draw_painters(Path("kaggle"), 12, 6)
    make_painters(Path("kaggle"), Path("painters"), 64, None, Silent())
    workspace = Workspace.here(Path("painters"))
    make_pairs(workspace, PairOptions(("artist",)), Silent())
    train(workspace, TrainOptions(recipe="thumbnail", run="plain"), Silent())
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
    (workspace.data / PAIRS_TABLE).unlink()  # then nothing tells which images those were
    assert told() == (similarity, [note(collection.paths[image]) for image in (learned, tested)])
