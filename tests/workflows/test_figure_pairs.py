"""Figures of a run on a collection: pairs of the same and of different artists, and the ROC curve."""

from pathlib import Path

import numpy as np
import pytest

from tlk.data.collection import Collection
from tlk.data.standins import draw_painters
from tlk.workflows import figure_pairs
from tlk.workflows.data_painters import make_painters
from tlk.workflows.data_pairs import PairOptions, make_pairs
from tlk.workflows.figure_pairs import score_pairs_of_test
from tlk.workflows.figure_pictures import open_pictures
from tlk.workflows.figures import write_figures
from tlk.workflows.progress import Silent
from tlk.workflows.report_runs import ReportedRun
from tlk.workflows.run import find_run
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A run on a collection of drawn paintings."""
    folder = tmp_path_factory.mktemp("paintings")
    draw_painters(folder / "drawn", artists=20, paintings=8)
    make_painters(folder / "drawn", folder / "painters", 96, None, Silent())
    workspace = Workspace(folder / "painters", folder / "runs", folder / ".tlk")
    make_pairs(workspace, PairOptions(("artist",), shares=(50, 30, 20), unseen=20), Silent())
    train(workspace, TrainOptions(recipe="thumbnail"), Silent())
    return workspace


def test_scores_are_those_that_the_run_was_judged_by(workspace: Workspace) -> None:
    run, pictures = ReportedRun.read(find_run(workspace.runs, "thumbnail")), open_pictures(workspace, Silent())
    assert pictures is not None
    found = score_pairs_of_test(run, workspace, pictures, Silent())
    assert found is not None
    assert run.verification is not None
    told = run.verification["pairs"]["all"]
    assert len(found.scores) == told["n"]
    assert found.match.sum() == told["matched"]
    assert found.auc == pytest.approx(told["auc"])
    assert ((found.scores > found.threshold) == found.match).mean() == pytest.approx(told["accuracy"])
    collection = Collection(workspace.data)
    artists = set(collection.column("artist"))
    same, different = found.blocks["same artist"], found.blocks["different artist"]
    assert len(same) == len(different) == figure_pairs._PAIRS
    assert all(left.name == right.name and left.name in artists for left, right, _ in same)
    assert all(left.name != right.name for left, right, _ in different)
    assert np.isfinite([score for _, _, score in same + different]).all()


def test_figures_of_a_collection(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_pairs, "_PAIRS", 1)
    written = write_figures(workspace, ["thumbnail"], tmp_path, Silent())
    assert [path.name for path in written if path.suffix == ".png"] == [
        "thumbnail-ranks.png",
        "thumbnail-pairs.png",
        "thumbnail-roc.png",
    ]
