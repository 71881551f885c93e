"""Where there is neither `fcntl` nor `resource`, as on Windows, everything works but locks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# psutil's Linux half wants the one, its Windows half does not.
HIDDEN = "import sys, psutil; sys.modules['fcntl'] = sys.modules['resource'] = None; from tlk.cli.main import run; "


def without(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that lacks both."""
    code = f"{HIDDEN}sys.exit(run({list(arguments)!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["cache"], ["runs"]], ids=" ".join)
def test_what_is_light(arguments: list[str], workspace_folder: Path) -> None:
    done = without(*arguments)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_training(competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    done = without("train", "thumbnail")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((workspace_folder / "runs/thumbnail/manifest.json").read_text())
    assert 50 < manifest["peak_memory_mb"] < 20_000
    assert without("runs", "--prune", "thumbnail").returncode == 0
    assert not (workspace_folder / "runs" / "thumbnail").exists()
