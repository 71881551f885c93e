"""What the catalogue of faults shares: small data to spoil, and how a command must refuse them or go on.

A file here is a kind of input. Its `CASES` are the catalogue: each a sentence, how to plant the input, and what comes
of it: words of the message that it is refused with, or none where it simply has to work.
"""

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SharedFolder
from tlk.cli.main import run
from tlk.tables import format_table

Refuse = Callable[..., list[str]]
Work = Callable[[list[str]], str]
Change = Callable[[bytes], bytes]
Rows = list[list[str]]


@pytest.fixture(scope="session")
def tiny_competition(shared_folder: SharedFolder) -> Path:
    """As few images as make lists of 20 and two folds."""
    from tlk.data.demo import draw_competition

    def draw(folder: Path) -> None:
        draw_competition(folder / "tiny", pairs=8, queries=20, seed=5)

    return shared_folder("tiny", draw) / "tiny"


@pytest.fixture
def data(tiny_competition: Path, workspace_folder: Path) -> Path:
    """A copy of it that may be spoiled."""
    return Path(shutil.copytree(tiny_competition, workspace_folder / "data"))


@pytest.fixture(scope="session")
def trained_folder(competition_folder: Path, shared_folder: SharedFolder) -> Path:
    """A workspace with data and a run called `run` that has learned a little."""

    def make(folder: Path) -> None:
        shutil.copytree(competition_folder, folder / "data")
        settings = ['embedding.descriptors=["thumbnail-6"]', "model.components=16", "training.epochs=1"]
        options = [part for setting in settings for part in ("--set", setting)]
        assert run(["train", "descriptors", "--run", "run", *options]) == 0

    return shared_folder("faults", make)


@pytest.fixture
def trained(trained_folder: Path, workspace_folder: Path) -> Path:
    """A copy of it, as the current folder."""
    shutil.copytree(trained_folder, workspace_folder, dirs_exist_ok=True)
    return workspace_folder


def rows(change: Callable[[Rows], Any]) -> Change:
    """Return what changes the rows of a table, the header among them, in place."""

    def changed(data: bytes) -> bytes:
        table = list(csv.reader(io.StringIO(data.decode())))
        change(table)
        return format_table(table[0], table[1:]).encode()

    return changed


def everything(folder: Path) -> dict[Path, int]:
    """Return what lies below `folder`, caches apart, where a file's time says whether it was written."""
    return {
        path.relative_to(folder): path.lstat().st_mtime_ns
        for path in folder.rglob("*")
        if path.relative_to(folder).parts[0] != ".tlk" or path.suffix == ".tmp"
    }


@pytest.fixture
def refused(workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """Run a command that must be refused in so many words and write nothing; the message's lines are returned."""

    def refuse(arguments: list[str], *words: str) -> list[str]:
        before = everything(workspace_folder)
        capsys.readouterr()
        assert run(arguments) == 2
        printed = capsys.readouterr().err
        assert "Traceback" not in printed
        lines = printed.strip().splitlines()
        message = lines[max(number for number, line in enumerate(lines) if line.startswith("error: ")) :]
        assert 2 <= len(message) <= 3, message  # what is wrong, and what to do
        for word in words:
            assert word in "\n".join(message)
        assert everything(workspace_folder) == before
        return message

    return refuse


@pytest.fixture
def works(capsys: pytest.CaptureFixture[str]) -> Work:
    """Run a command that must work; what it printed is returned."""

    def work(arguments: list[str]) -> str:
        capsys.readouterr()
        code = run(arguments)
        printed = capsys.readouterr()
        assert code == 0, printed.err
        assert "error: " not in printed.err
        return printed.err + printed.out

    return work
