"""Completion by the shells' own protocol: names of recipes and runs, and nothing heavy loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlk.recipe import recipe_names

CODE = """
import atexit, sys
atexit.register(lambda: print("torch" in sys.modules, file=sys.stderr))
from tlk.cli.main import run
sys.exit(run([]))
"""


def complete(shell: str, line: str) -> list[str]:
    """Return what a shell is told when Tab is pressed at the end of `line`."""
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    environment = os.environ | asked | {"_TLK_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == "False\n"
    lines = [line for line in done.stdout.splitlines() if line]
    if shell == "zsh" and lines:  # _arguments '*: :(("one"\n"two"))'
        assert lines[0].startswith("_arguments '*: :((")
        return [line.split('"')[1] for line in lines]
    return lines


@pytest.fixture
def runs(workspace_folder: Path) -> Path:
    """Runs that are complete, unfinished, both, and something else."""
    for place, name in (("runs", "first"), ("runs", "fine"), ("kept", "other")):
        (workspace_folder / place / name).mkdir(parents=True)
        (workspace_folder / place / name / "metrics.json").write_text("{}")
    for name in ("first.partial", "fresh.partial", ".fine.old"):
        (workspace_folder / "runs" / name).mkdir()
    (workspace_folder / "runs" / "file").write_text("")
    return workspace_folder


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_recipes_and_runs(runs: Path, shell: str) -> None:
    assert complete(shell, "tlk train best") == ["best", "best-no-weights"]
    assert complete(shell, "tlk predict f") == ["fine", "first"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tlk recipes ", [*recipe_names()]),
        ("tlk embed --recipe adapter", ["adapter", "adapters"]),
        ("tlk train my.to", []),  # the shell completes files
        ("tlk train --run f", ["fine", "first", "fresh"]),
        ("tlk eval ", ["fine", "first"]),
        ("tlk eval fine fi", ["fine", "first"]),
        ("tlk eval --runs kept ", ["other"]),
        ("tlk eval --runs nowhere ", []),
        ("tlk ensemble fi", ["fine", "first"]),
        ("tlk search x.jpg --run fin", ["fine"]),
        ("tlk compare a b --run fin", ["fine"]),
        ("tlk explain a b --run fin", ["fine"]),
        ("tlk report f", ["fine", "first"]),
        ("tlk runs f", ["fine", "first", "fresh"]),
    ],
)
def test_where_names_are_asked_for(runs: Path, line: str, expected: list[str]) -> None:
    assert complete("bash", line) == expected
