"""Figures of runs as files."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.workflows.conftest import Notes
from tlk.data.competition import Competition
from tlk.errors import UserError
from tlk.workflows import figure_examples
from tlk.workflows.ensemble import EnsembleOptions, ensemble
from tlk.workflows.figure_examples import failures, sampled_pairs, successes
from tlk.workflows.figure_pictures import open_pictures
from tlk.workflows.figures import write_figures
from tlk.workflows.progress import Silent
from tlk.workflows.report_runs import ReportedRun
from tlk.workflows.run import find_run
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

LEARNED = ('embedding={mirrored=false, descriptors=["thumbnail-6"]}', "model.components=16", "training.epochs=3")


@pytest.fixture(scope="module")
def workspace(competition_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A run that learns nothing, one that learns, and a blend."""
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        workspace = Workspace(competition_folder, folder / "runs", folder / ".tlk")
        train(workspace, TrainOptions(recipe="thumbnail"), Silent())
        train(workspace, TrainOptions(recipe="descriptors", run="learned", settings=LEARNED), Silent())
        ensemble(workspace, ["thumbnail", "learned"], EnsembleOptions(run="blend", weights="equal"))
    return workspace


def test_every_figure_in_both_formats_the_same_each_time(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in ("_QUERIES", "_CANDIDATES", "_PAIRS"):  # for time's sake
        monkeypatch.setattr(figure_examples, size, 1)
    written = write_figures(workspace, ["learned"], tmp_path / "new/one", Silent())
    kinds = ["learning-curves", "ranks", "successes", "failures", "pairs"]
    assert [path.name for path in written] == [f"learned-{what}.{kind}" for what in kinds for kind in ("png", "svg")]
    assert written[0].read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in written[1].read_bytes()
    again = write_figures(workspace, ["learned"], tmp_path / "again", Silent())
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


def test_members_have_the_learning_curves_of_a_blend(workspace: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "nowhere", workspace.runs, workspace.cache)
    notes = Notes()
    written = write_figures(other, ["blend", "thumbnail"], tmp_path, notes)
    names = {path.name for path in written}
    assert {"blend-learning-curves-learned.svg", "blend-ranks.png", "thumbnail-ranks.png"} <= names
    assert not any("thumbnail-learning" in name or "pairs" in name for name in names)
    assert any("nowhere" in note for note in notes.notes)


def test_other_images_of_the_same_names_are_not_shown(workspace: Workspace, tmp_path: Path) -> None:
    data = tmp_path / "small"
    shutil.copytree(workspace.data, data)
    first, second, *_ = sorted((data / "train/left").iterdir())
    shutil.copy(first, second)
    notes = Notes()
    written = write_figures(Workspace(data, workspace.runs, workspace.cache), ["thumbnail"], tmp_path / "out", notes)
    assert [path.name for path in written] == ["thumbnail-ranks.png", "thumbnail-ranks.svg"]
    assert "does not have the run's images" in notes.notes[-1]


def test_examples_show_what_the_run_says(workspace: Workspace) -> None:
    run, pictures = ReportedRun.read(find_run(workspace.runs, "learned")), open_pictures(workspace, Silent())
    assert pictures is not None
    assert pictures.fit(run.manifest)
    pairs = Competition(workspace.data).train_pairs()
    true = dict(zip(pairs.lefts, pairs.rights, strict=True))
    rank_of = dict(zip(run.oof.query_ids, run.result.ranks, strict=True))
    for query, candidates in successes(run, pictures):
        assert candidates[0].name == true[query.name]
        assert [c.true for c in candidates] == [True, False, False, False, False]
    missed = failures(run, pictures)
    assert missed
    for query, candidates in missed:
        (own,) = (c for c in candidates if c.true)
        assert own.name == true[query.name]
        assert own.above.startswith(f"{rank_of[query.name]}: ")
        assert not candidates[0].true
        assert rank_of[query.name] > 2
    blocks = sampled_pairs(run, pictures)
    assert all(right.name == true[left.name] for left, right, _ in blocks["matched"])
    assert all(right.name != true[left.name] for left, right, _ in blocks["not matched"])
    row = int(np.flatnonzero(run.oof.query_ids == blocks["matched"][0][0].name)[0])
    expected = run.result.sampled_lists.scores[row, run.result.sampled_lists.truth[row]]
    assert blocks["matched"][0][2] == pytest.approx(float(expected))


def test_no_such_run(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run 'nobody'"):
        write_figures(workspace, ["nobody"], tmp_path, Silent())
