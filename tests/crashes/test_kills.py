"""SIGKILL at 25 seeded moments of embed, train, ensemble, predict and report: what is there is whole, nothing is lost.

Every other kill comes at a moment drawn over the command's own duration, the others just before a drawn change of the
disk, where a half-done change would be. Afterwards the same command, resumed where it can be, ends where an undisturbed
one does, to the last byte, and leaves nothing of what was cut off.
"""

import csv
import io
import json
import re
import shutil
import time
import tomllib
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import SharedFolder
from tests.crashes.conftest import SECONDS, Start
from tlk.locks import is_in_use
from tlk.workflows.checksums import CHECKSUMS, require_whole

pytestmark = pytest.mark.slow

TEMPORARY = re.compile(r"\..*\.tmp|\.state-\d+|\.[^/]*\.old")
UNFINISHED = re.compile(r".*\.partial|state(-\d+)?")

NETWORK = """
name = "network"
summary = "A small network from pixels: it has a state after each epoch."
source = "made for this test"
[pixels]
size = 16
augment = ["flip"]
[model]
name = "convnet"
filters = [4]
kernels = [3]
dense = [8]
[loss]
name = "triplet"
[training]
epochs = 2
batch_size = 32
learning_rate = 3e-3
patience = 2
"""


@dataclass(frozen=True)
class Whole:
    """An undisturbed command: where it worked, how long it took, how often it changed the disk."""

    folder: Path
    seconds: float
    changes: int


def finish(start: Start, folder: Path, *arguments: str) -> float:
    """Run a command to its end and return the seconds that it took."""
    begun = time.monotonic()
    process = start(folder, *arguments)
    process.join(SECONDS)
    assert process.exitcode == 0, (folder / "stderr.txt").read_text()
    return time.monotonic() - begun


@pytest.fixture(scope="module")
def base(server: Start, competition_folder: Path, tiny_backbone: Path, shared_folder: SharedFolder) -> Path:
    """A workspace with two runs and what they have in the cache."""

    def make(folder: Path) -> None:
        shutil.copytree(competition_folder, folder / "data")
        (folder / "network.toml").write_text(NETWORK)
        shutil.copytree(tiny_backbone, folder / "weights")
        finish(server, folder, "train", "thumbnail")
        finish(server, folder, "train", "network.toml")

    return shared_folder("kills", make)


COMMANDS: dict[str, tuple[str, ...]] = {
    "embed": ("embed", "--backbone", "local-dir:weights"),
    "train": ("train", "network.toml", "--run", "made"),
    "overwrite": ("train", "network.toml", "--run", "thumbnail", "--overwrite"),
    "ensemble": ("ensemble", "thumbnail", "network", "--run", "made", "--weights", "equal"),
    "predict": ("predict", "network"),
    "report": ("report",),
}
KILLS = {"embed": 4, "train": 7, "overwrite": 3, "ensemble": 4, "predict": 4, "report": 3}  # 25 in all


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_lost(command: str, server: Start, base: Path, tmp_path: Path) -> None:
    whole = undisturbed(server, base, tmp_path / "whole", COMMANDS[command])
    drawn = np.random.default_rng(sum(command.encode()))
    killed = 0
    while killed < KILLS[command]:  # two in a row, the second one of what goes on after the first
        place = tmp_path / f"killed-{killed}"
        shutil.copytree(base, place, copy_function=shutil.copyfile)
        for _ in range(2):
            if killed < KILLS[command] and not is_done(command, place):
                killed += kill(server, place, rest(command, place), whole, drawn, at_a_change=killed % 2 == 0)
                assert_whole(place)
        if not is_done(command, place):
            finish(server, place, *rest(command, place))
        assert_same(server, place, whole.folder)
        shutil.rmtree(place)


def undisturbed(start: Start, base: Path, folder: Path, arguments: tuple[str, ...]) -> Whole:
    shutil.copytree(base, folder, copy_function=shutil.copyfile)
    seconds = finish(start, folder, *arguments)
    return Whole(folder, seconds, int((folder / "changes.txt").read_text()))


def kill(
    start: Start, place: Path, arguments: tuple[str, ...], whole: Whole, drawn: np.random.Generator, at_a_change: bool
) -> int:
    """Run a command and kill it; return 0 if it was done before the drawn moment came."""
    at, moment = int(drawn.integers(1, whole.changes + 1)), float(drawn.uniform(0, whole.seconds))
    process = start(place, *arguments, kill_at=at if at_a_change else 0)
    process.join(SECONDS if at_a_change else moment)
    process.kill()
    process.join()
    assert process.exitcode in (0, -9), (place / "stderr.txt").read_text()
    return int(process.exitcode == -9)


def rest(command: str, place: Path) -> tuple[str, ...]:
    """Return what a user types after a kill: the same, or --resume where a training was left unfinished."""
    arguments = COMMANDS[command]
    unfinished = command in ("train", "overwrite") and (place / "runs" / f"{arguments[3]}.partial").exists()
    return (*(part for part in arguments if part != "--overwrite"), "--resume") if unfinished else arguments


def is_done(command: str, place: Path) -> bool:
    """Return whether the killed command had put its run in place: there is nothing left to do then."""
    made = place / "runs" / (COMMANDS[command][3] if command in ("train", "overwrite") else "made")
    if command == "overwrite":
        return (made / "recipe.toml").exists() and "convnet" in (made / "recipe.toml").read_text()
    return command in ("train", "ensemble") and made.exists()


def assert_whole(folder: Path) -> None:
    """Every file but the temporary ones can be read to its end, and is what its checksum says."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_dir() or parts[0] == "data" or any(map(TEMPORARY.fullmatch, parts)):
            continue
        READ[path.suffix](path)
        if path.name == CHECKSUMS:
            for line in path.read_text().splitlines():
                require_whole(path.parent, path.parent / line.split("  ", 1)[1])


def _table(path: Path) -> None:
    text = path.read_text()
    assert text.endswith("\n")
    assert len({len(row) for row in csv.reader(io.StringIO(text))}) == 1


def _page(path: Path) -> None:
    assert path.read_text().rstrip().endswith("</html>")


def _arrays(path: Path) -> None:
    with np.load(path) as arrays:
        assert all(arrays[name] is not None for name in arrays.files)


def _exported(path: Path) -> None:
    """An exported network, or a part of a training's state."""
    listing = path.with_name("checksums.json")
    if not listing.exists():
        torch.load(path, weights_only=False)
        return
    assert json.loads(listing.read_text())[path.name] == zlib.crc32(path.read_bytes())


READ: dict[str, Callable[[Path], Any]] = {
    "": lambda path: path.read_text(),  # checksums, locks
    ".bin": _exported,
    ".csv": _table,
    ".html": _page,
    ".json": lambda path: json.loads(path.read_text()),
    ".lock": lambda path: path.read_text(),
    ".npy": lambda path: np.load(path, allow_pickle=False),
    ".npz": _arrays,
    ".pkl": lambda path: torch.load(path, weights_only=False),
    ".safetensors": load_file,
    ".toml": lambda path: tomllib.loads(path.read_text()),
    ".txt": lambda path: path.read_text(),
    ".xml": ET.parse,
}


def assert_same(start: Start, place: Path, whole: Path) -> None:
    """What a cut command has left in the end is what an undisturbed one leaves, and nothing else."""
    finish(
        start, place, "predict", *(["made"] if (place / "runs/made").exists() else ["thumbnail"]), "--out", "made.csv"
    )
    if not (whole / "made.csv").exists():
        finish(
            start,
            whole,
            "predict",
            *(["made"] if (whole / "runs/made").exists() else ["thumbnail"]),
            "--out",
            "made.csv",
        )
    assert (place / "made.csv").read_bytes() == (whole / "made.csv").read_bytes()
    assert_whole(place)
    assert listed(place) == listed(whole)
    for path in (*whole.glob("submissions/*.csv"), *whole.glob("runs/*/metrics.json"), *whole.glob("*.html")):
        if path.name != "ledger.csv":
            assert content(place / path.relative_to(whole)) == content(path)


def content(path: Path) -> Any:
    if path.suffix != ".json":
        return re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d UTC", b"", path.read_bytes())  # when a report was made
    return {key: value for key, value in json.loads(path.read_text()).items() if key != "seconds"}


def listed(folder: Path) -> set[str]:
    """Return what there is; shards, whose names are drawn, as their views alone."""
    found = set()
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        assert not any(TEMPORARY.fullmatch(part) or UNFINISHED.fullmatch(part) for part in Path(name).parts), name
        if name.endswith(".data.npy"):
            assert path.with_name(path.name.replace(".data.", ".index.")).exists(), name
        found.add(re.sub(r"[0-9a-f]{32}-[0-9a-f]{8}", "shard", name))
    assert not any(is_in_use(path) for path in folder.glob("runs/*"))
    return found
