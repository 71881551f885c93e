"""Two processes at once: both are right, neither harms the other, and one is told where there is room for one only."""

import csv
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.crashes.conftest import SECONDS, Start

pytestmark = pytest.mark.slow

NETWORK = """
name = "network"
summary = "A small network from pixels, long enough to be met at work."
source = "made for this test"
pixels = { size = 16 }
model = { name = "convnet", filters = [4], kernels = [3], dense = [8] }
loss = { name = "triplet" }
training = { epochs = 4, batch_size = 32, patience = 4 }
"""


@pytest.fixture
def here(competition_folder: Path, tiny_backbone: Path, tmp_path: Path) -> Path:
    shutil.copytree(competition_folder, tmp_path / "data")
    shutil.copytree(tiny_backbone, tmp_path / "weights")
    (tmp_path / "network.toml").write_text(NETWORK)
    return tmp_path


def places(folder: Path, count: int) -> list[Path]:
    """Folders to stand in whose data, cache, runs and submissions are those of `folder`: each process says its own."""
    found = []
    for number in range(count):
        found.append(folder / f"stand-{number}")
        found[-1].mkdir()
        for name in ("data", ".tlk", "runs", "submissions", "folds", "weights", "network.toml"):
            if not (folder / name).suffix:
                (folder / name).mkdir(exist_ok=True)
            (found[-1] / name).symlink_to(folder / name)
    return found


def together(start: Start, stands: list[Path], *commands: list[str]) -> list[tuple[int, str]]:
    """Start commands at the same time; return the exit code of each and what it said."""
    processes = [start(stand, *command) for stand, command in zip(stands, commands, strict=True)]
    for process in processes:
        process.join(SECONDS)
    return [(p.exitcode, (stand / "stderr.txt").read_text()) for p, stand in zip(processes, stands, strict=True)]


def done(start: Start, stand: Path, *command: str) -> None:
    [(code, said)] = together(start, [stand], list(command))
    assert code == 0, said


def wait_for(ready: Callable[[], bool], process: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not ready():
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.002)


def numbers(folder: Path, name: str) -> dict[str, Any]:
    found = json.loads((folder / "runs" / name / "metrics.json").read_text())
    return {key: value for key, value in found.items() if key not in ("run", "seconds")}


def test_two_trainings_on_one_cache(server: Start, here: Path, tmp_path: Path) -> None:
    one, two = places(here, 2)
    results = together(server, [one, two], ["train", "network.toml"], ["train", "thumbnail"])
    assert [code for code, _ in results] == [0, 0], results
    for name in ("network", "thumbnail"):
        done(server, one, "predict", name)
    alone = tmp_path / "alone"
    for name in ("data", "weights"):
        shutil.copytree(here / name, alone / name)
    (alone / "network.toml").write_text(NETWORK)
    for recipe, name in (("network.toml", "network"), ("thumbnail", "thumbnail")):
        done(server, alone, "train", recipe)
        done(server, alone, "predict", name)
        assert numbers(here, name) == numbers(alone, name)
        submission = f"submissions/{name}.csv"
        assert (here / submission).read_bytes() == (alone / submission).read_bytes()
    assert not list(here.rglob("*.tmp"))


def test_two_embeds_on_one_cache(server: Start, here: Path) -> None:
    one, two = places(here, 2)
    embed = ["embed", "--backbone", "local-dir:weights", "--export"]
    results = together(server, [one, two], [*embed, "mine"], [*embed, "mine"])
    assert [code for code, _ in results] == [0, 0], results
    shutil.rmtree(here / ".tlk")
    (here / ".tlk").mkdir()
    done(server, one, *embed, "alone")
    [alone] = (one / "alone").glob("*.npy")
    for stand in (one, two):
        assert np.array_equal(np.load(stand / "mine" / alone.name), np.load(alone))
    assert not list(here.rglob("*.tmp"))


def test_two_runs_with_one_name_at_the_same_time(server: Start, here: Path) -> None:
    stands = places(here, 2)
    done(server, stands[0], "train", "network.toml", "--run", "alone")
    command = ["train", "network.toml", "--run", "mine"]
    codes = together(server, stands, command, command)
    assert sorted(code for code, _ in codes) == [0, 2], codes
    told = next(said for code, said in codes if code == 2)
    assert "error: runs/mine" in told or "error: run 'mine'" in told
    assert "another name with --run" in told
    assert numbers(here, "mine") == numbers(here, "alone")


def test_what_is_being_trained_is_left_alone(server: Start, here: Path) -> None:
    first, second = places(here, 2)
    done(server, first, "train", "network.toml", "--run", "mine", "--set", "seed=7")
    done(server, first, "train", "network.toml", "--run", "alone")
    done(server, first, "train", "thumbnail", "--run", "third")
    training = server(first, "train", "network.toml", "--run", "mine", "--overwrite")
    wait_for(lambda: any((here / "runs/mine.partial").glob("fold0/*")), training)
    os.kill(training.pid, signal.SIGSTOP)  # it may not end before all have met it
    for arguments, expected in (
        (["train", "network.toml", "--run", "mine", "--overwrite"], "is being made by another process"),
        (["train", "network.toml", "--run", "mine", "--resume"], "is being made by another process"),
        (["ensemble", "third", "alone", "--run", "mine", "--overwrite"], "is being made by another process"),
        (["runs", "--prune", "mine", "--unfinished"], "a process is training there"),
    ):
        [(code, said)] = together(server, [second], arguments)
        assert code == 2, said
        assert expected in said
    os.kill(training.pid, signal.SIGCONT)
    [(code, said)] = together(server, [second], ["cache", "--prune"])
    assert code == 0, said
    training.join(SECONDS)
    assert training.exitcode == 0, (first / "stderr.txt").read_text()
    assert numbers(here, "mine") == numbers(here, "alone")
    assert sorted(path.name for path in (here / "runs").iterdir()) == ["alone", "mine", "third"]


def test_two_predictions_into_one_file_and_one_ledger(server: Start, here: Path) -> None:
    stands = places(here, 4)
    done(server, stands[0], "train", "thumbnail")
    done(server, stands[0], "predict", "thumbnail", "--out", "submissions/alone.csv")
    results = together(server, stands, *[["predict", "thumbnail", "--out", "submissions/same.csv"]] * 4)
    assert [code for code, _ in results] == [0] * 4, results
    assert (here / "submissions/same.csv").read_bytes() == (here / "submissions/alone.csv").read_bytes()
    with (here / "submissions/ledger.csv").open(newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == ["alone.csv", *["same.csv"] * 4]
    assert not list(here.rglob("*.tmp"))
