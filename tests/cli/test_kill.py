"""Killed outright, again and again, and resumed: a run ends where an undisturbed one does, to the last digit."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlk.cli.main import run

pytestmark = pytest.mark.slow

SECONDS = 240  # far more than any wait needs

RECIPE = """
name = "mined"
summary = "A small network from pixels with mined negatives: all that has a state."
source = "made for this test"

[pixels]
size = 32
augment = ["flip", "shift"]

[model]
name = "convnet"
filters = [8, 16]
kernels = [3]
dense = [32]
batch_norm = true
dropout = 0.2

[loss]
name = "triplet"

[mining]
name = "semi_hard"
subset = 60
refresh = 3
k = 5

[training]
epochs = 10
batch_size = 8
learning_rate = 3e-3
weight_decay = 0.01
schedule = "cosine"
warmup = 0.1
patience = 10
"""

# The tool as it is, but that it keeps a state every fifth of a second: these trainings are short.
TLK = "import tlk.training.checkpoint as c; c.SAVE_SECONDS = 0.2; from tlk.cli.main import main; main()"


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", TLK, "train", "mined.toml", "--device", "cpu", *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def finish(process: subprocess.Popen[str]) -> None:
    try:
        _, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    assert process.returncode == 0, said


def kill_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> None:
    """Kill the process with SIGKILL as soon as what it left on the disk says that it is time."""
    deadline = time.monotonic() + SECONDS
    try:
        while not ready():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -9


def metrics(name: str) -> dict[str, Any]:
    numbers = json.loads(Path("runs", name, "metrics.json").read_text())
    return {key: value for key, value in numbers.items() if key not in ("run", "seconds")}


def history(name: str) -> list[dict[str, str]]:
    with Path("runs", name, "history.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key != "seconds"} for row in csv.DictReader(file)]


def latest_state(fold: int) -> int:
    """Return the epoch of the newest state of a fold's training, 0 where there is none."""
    states = Path("runs", "cut.partial", f"fold{fold}", "state", "training").glob("state-*")
    return max((int(path.name.removeprefix("state-")) for path in states), default=0)


def test_a_run_that_is_killed_three_times_ends_where_an_undisturbed_one_does(
    competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    Path("mined.toml").write_text(RECIPE)
    finish(start("--run", "whole"))
    kill_when(start("--run", "cut"), lambda: latest_state(0) > 0)  # the first state there is
    kill_when(start("--run", "cut", "--resume"), lambda: latest_state(2) >= 3)  # in mid-run
    done = Path("runs/cut.partial/fold1/model.safetensors").stat().st_mtime_ns
    kill_when(start("--run", "cut", "--resume"), lambda: latest_state(4) >= 5)  # late
    assert not Path("runs/cut").exists()
    finish(start("--run", "cut", "--resume"))
    assert sorted(path.name for path in Path("runs").iterdir()) == ["cut", "whole"]
    assert Path("runs/cut/fold1/model.safetensors").stat().st_mtime_ns == done  # kept, not trained again
    assert len(history("whole")) == 50
    assert history("cut") == history("whole")
    assert metrics("cut") == metrics("whole")
    for name in ("whole", "cut"):
        assert run(["predict", name, "--out", f"{name}.csv"]) == 0
    assert Path("cut.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert not list(Path("runs/cut").glob("fold*/state"))
