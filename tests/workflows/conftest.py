"""Fixtures: a workspace with runs of embeddings, of a learned verdict and blends of both; what a reporter was told."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import SharedFolder
from tlk.workflows.ensemble import EnsembleOptions, ensemble
from tlk.workflows.progress import Silent
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

VERDICT = (
    "split=folds",
    'embedding={mirrored=false, descriptors=["thumbnail-6"]}',
    "model.hidden=8",
    "training.epochs=2",
)
MEMBERS = ("thumbnail", "verdict")
RUNS = (*MEMBERS, "blend", "places")


class Notes(Silent):
    """A reporter that keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="session")
def trained(competition_folder: Path, shared_folder: SharedFolder) -> Path:
    """A workspace with `RUNS`, to copy from."""

    def make(folder: Path) -> None:
        workspace = Workspace.here(competition_folder)
        train(workspace, TrainOptions(recipe="thumbnail", run="thumbnail"), Silent())
        train(workspace, TrainOptions(recipe="adaptation", run="verdict", settings=VERDICT), Silent())
        ensemble(workspace, list(MEMBERS), EnsembleOptions(run="blend", weights="equal"))
        ensemble(workspace, list(MEMBERS), EnsembleOptions(run="places", blend="rank", weights="equal"))

    return shared_folder("workflows", make)


@pytest.fixture
def workspace(trained: Path, competition_folder: Path, workspace_folder: Path) -> Workspace:
    """A copy of it to work in."""
    shutil.copytree(trained, workspace_folder, dirs_exist_ok=True)
    return Workspace.here(competition_folder)
