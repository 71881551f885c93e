"""What several tests of the command line share."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import SharedFolder
from tlk.cli.main import run


@pytest.fixture(scope="session")
def warm_cache(competition_folder: Path, shared_folder: SharedFolder) -> Path:
    """A cache that has what recipes without weights see of the small competition: computing it is tested elsewhere."""

    def fill(folder: Path) -> None:
        assert run(["embed", "--recipe", "best-no-weights", "--data", str(competition_folder)]) == 0

    return shared_folder("warm", fill) / ".tlk"


@pytest.fixture
def warm_workspace(warm_cache: Path, workspace_folder: Path) -> Path:
    """An empty current folder with a copy of that cache."""
    shutil.copytree(warm_cache, workspace_folder / ".tlk")
    return workspace_folder


@pytest.fixture
def recipe_of_members() -> str:
    """A recipe that trains two small members and blends them."""
    return """
name = "pair"
summary = "s"
source = "s"
matching = true
members = [
    { recipe = "thumbnail" },
    { recipe = "descriptors", name = "hogs", settings = ["training.epochs=3", "model.components=32"] },
]
"""
