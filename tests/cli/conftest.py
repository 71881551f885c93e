"""What several tests of the command line share."""

import shutil
from pathlib import Path

import pytest

from tlk.cli.main import run


@pytest.fixture(scope="session")
def warm_cache(competition_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that has what recipes without weights see of the small competition: computing it is tested elsewhere."""
    folder = tmp_path_factory.mktemp("warm")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TLK_CACHE", raising=False)
        patch.setenv("TLK_DATA", str(competition_folder))
        assert run(["embed", "--recipe", "best-no-weights"]) == 0
    return folder / ".tlk"


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
