"""Killed outright, again and again, and resumed: a run ends where an undisturbed one does, to the last digit."""

import csv
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.crashes.conftest import SECONDS, Start
from tlk.cli.main import run

pytestmark = pytest.mark.slow

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
refresh = 2
k = 5

[training]
epochs = 6
batch_size = 8
learning_rate = 3e-3
weight_decay = 0.01
schedule = "cosine"
warmup = 0.1
patience = 6
"""

TRAIN = ("train", "mined.toml", "--device", "cpu", "--run")


def finish(start: Start, folder: Path, *arguments: str) -> None:
    process = start(folder, *TRAIN, *arguments)
    process.join(SECONDS)
    assert process.exitcode == 0, (folder / "stderr.txt").read_text()


def kill_when(ready: Callable[[], bool], start: Start, folder: Path, *arguments: str) -> None:
    """Kill a training with SIGKILL as soon as what it left on the disk says that it is time."""
    process = start(folder, *TRAIN, *arguments)
    deadline = time.monotonic() + SECONDS
    while not ready():
        process.join(0.01)
        assert process.is_alive(), (folder / "stderr.txt").read_text()
        assert time.monotonic() < deadline
    process.kill()
    process.join()
    assert process.exitcode == -9


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
    server: Start, competition_folder: Path, workspace_folder: Path
) -> None:
    (workspace_folder / "data").symlink_to(competition_folder)
    Path("mined.toml").write_text(RECIPE)
    finish(server, workspace_folder, "whole")
    kill_when(lambda: latest_state(0) > 0, server, workspace_folder, "cut")  # the first state there is
    kill_when(lambda: latest_state(2) >= 2, server, workspace_folder, "cut", "--resume")  # in mid-run
    done = Path("runs/cut.partial/fold1/model.safetensors").stat().st_mtime_ns
    kill_when(lambda: latest_state(4) >= 2, server, workspace_folder, "cut", "--resume")  # late
    assert not Path("runs/cut").exists()
    finish(server, workspace_folder, "cut", "--resume")
    assert sorted(path.name for path in Path("runs").iterdir()) == ["cut", "whole"]
    assert Path("runs/cut/fold1/model.safetensors").stat().st_mtime_ns == done  # kept, not trained again
    assert len(history("whole")) == 30
    assert history("cut") == history("whole")
    assert metrics("cut") == metrics("whole")
    for name in ("whole", "cut"):
        assert run(["predict", name, "--data", "data", "--out", f"{name}.csv"]) == 0
    assert Path("cut.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert not list(Path("runs/cut").glob("fold*/state"))
