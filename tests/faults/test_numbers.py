"""Numbers under stress, through the command line: an error that helps, or numbers that are numbers."""

import json
import math
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from tlk.cli.main import run
from tlk.losses.info_nce import InfoNCE
from tlk.submission import submission_faults
from tlk.tables import read_table
from tlk.training.train import Trainer

pytestmark = pytest.mark.slow

SEEN = 'embedding={mirrored=false, descriptors=["thumbnail", "profiles", "histogram"]}'
HEAD = ("--set", "training.epochs=3", "--set", "model.components=32", "--set", SEEN)
NETWORK = ("--set", "training.epochs=2", "--set", "pixels.size=16", "--set", "model.filters=[4, 8]")


@pytest.fixture
def data(competition_folder: Path, workspace_folder: Path) -> Path:
    shutil.copytree(competition_folder, workspace_folder / "data")
    return workspace_folder / "data"


@pytest.fixture
def refuse(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command that must end with exit code 2 and a short message, and return the message."""

    def refused(*arguments: str) -> str:
        capsys.readouterr()
        assert run(list(arguments)) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        start = max(i for i, line in enumerate(lines) if line.startswith("error: "))
        assert len(lines) - start <= 3
        return "\n".join(lines[start:])

    return refused


def numbers(folder: Path) -> Iterator[float]:
    """Every number of a run's metrics."""
    waiting: list[Any] = [json.loads((folder / "metrics.json").read_text())]
    while waiting:
        item = waiting.pop()
        if isinstance(item, float | int):
            yield float(item)
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def paint(data: Path, chosen: Callable[[int], bool], side: int = 48) -> None:
    """Make one grey picture of those images whose number is chosen."""
    for number, path in enumerate(sorted(data.rglob("*.jpg"))):
        if chosen(number):
            Image.new("RGB", (side, side), (90, 90, 90)).save(path)


def own_groups(data: Path, folds: int = 5) -> None:
    """Write a fold table in which every pair is a group: as if the same picture twice were none."""
    rows = (data / "train.csv").read_text().splitlines()[1:]
    lines = [f"{row},{number},{number % folds}" for number, row in enumerate(rows)]
    Path("own.csv").write_text("left,right,group,fold\n" + "\n".join(lines) + "\n")


def first_pairs(data: Path, count: int) -> None:
    path = data / "train.csv"
    path.write_text("\n".join(path.read_text().splitlines()[: count + 1]) + "\n")


def test_a_training_that_diverges_names_fold_epoch_and_remedy(
    data: Path, workspace_folder: Path, refuse: Callable[..., str]
) -> None:
    far = ("--set", 'loss={name="triplet"}', "--set", "training.precision=fp32", "--set", "training.warmup=0.0")
    message = refuse("train", "from-scratch", *NETWORK, *far, "--set", "training.learning_rate=1e6")
    assert re.match(r"error: fold 0: (the (inner )?loss|.* is not finite)", message)
    assert re.search(r"epoch [12]\nlower training.learning_rate, or set training.clip=1$", message)
    assert not list((workspace_folder / "runs").glob("*"))  # nothing that could be resumed was there
    assert run(["train", "from-scratch", *NETWORK, *far, "--set", "training.learning_rate=1e-3"]) == 0
    assert all(map(math.isfinite, numbers(workspace_folder / "runs" / "from-scratch")))


def test_folds_that_were_good_are_kept_and_resumed(
    data: Path, workspace_folder: Path, refuse: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["train", "descriptors", *HEAD, "--run", "whole"]) == 0
    trained, broken = Trainer.train, [False]
    calls = iter(range(100))

    def train(self: Trainer, *given: Any) -> Any:
        broken[0] = next(calls) == 2  # fold 2, the first time
        return trained(self, *given)

    usual = InfoNCE.forward

    def forward(self: InfoNCE, *given: Any) -> Tensor:
        return usual(self, *given) * (math.nan if broken[0] else 1)

    monkeypatch.setattr(Trainer, "train", train)
    monkeypatch.setattr(InfoNCE, "forward", forward)
    message = refuse("train", "descriptors", *HEAD)
    assert message.startswith("error: fold 2: the loss is nan in epoch 1\nlower training.learning_rate")
    left = workspace_folder / "runs" / "descriptors.partial"
    assert sorted(path.parent.name for path in left.glob("fold*/model.safetensors")) == ["fold0", "fold1"]
    assert run(["train", "descriptors", *HEAD, "--resume"]) == 0
    whole, resumed = (workspace_folder / "runs" / name for name in ("whole", "descriptors"))
    for fold in range(5):
        model = Path(f"fold{fold}", "model.safetensors")
        assert (resumed / model).read_bytes() == (whole / model).read_bytes()


def test_images_that_are_all_alike(data: Path, workspace_folder: Path, refuse: Callable[..., str]) -> None:
    """Near-duplicates all: one group. Told that they are not, every model ties, and ties count against us."""
    paint(data, lambda number: True)
    expected = "error: --k 5: only 1 group of pairs, so a fold would be empty\nbring pairs that are not near-duplicates"
    assert refuse("train", "thumbnail").startswith(expected)
    own_groups(data)
    trainings = [["thumbnail"], ["descriptors", *HEAD], ["from-scratch", *NETWORK]]
    for arguments in trainings:
        assert run(["train", *arguments, "--folds", "own.csv"]) == 0
        folder = workspace_folder / "runs" / arguments[0]
        assert all(map(math.isfinite, numbers(folder)))
        metrics = json.loads((folder / "metrics.json").read_text())
        assert set(metrics["top_k"].values()) == set(metrics["expected_top_k"].values()) == {0.0}
        low, high = metrics["matched_ci95"]["2"]
        assert low <= 0.1 <= high  # what the graph alone says: chance
        assert "scores all candidates of every query alike" in refuse("predict", arguments[0])
    assert "says more than chance" in refuse("ensemble", "thumbnail", "descriptors")
    assert not list(workspace_folder.glob("submissions/*"))
    assert sorted(path.name for path in (workspace_folder / "runs").iterdir()) == sorted(a[0] for a in trainings)


def test_an_ensemble_with_a_constant_member_is_the_other_one(data: Path, workspace_folder: Path) -> None:
    own_groups(data)
    assert run(["train", "descriptors", *HEAD, "--folds", "own.csv"]) == 0
    flat = workspace_folder / "runs" / "flat"
    shutil.copytree(workspace_folder / "runs" / "descriptors", flat)
    with np.load(flat / "oof.npz") as arrays:
        values = dict(arrays)
    noise = 1e-8 * np.random.default_rng(0).normal(size=values["gallery"].shape)  # the rounding of a collapsed model
    values["queries"] = values["gallery"] = (np.eye(1, values["gallery"].shape[1]) + noise).astype(np.float32)
    np.savez(flat / "oof.npz", **values)
    (flat / "SHA256SUMS").unlink()  # it tells of the former file
    assert run(["ensemble", "descriptors", "flat"]) == 0
    told = json.loads((workspace_folder / "runs" / "ensemble" / "contributions.json").read_text())["members"]
    assert {row["run"]: row["kept"] for row in told} == {"descriptors": True, "flat": False}
    one, both = (
        json.loads((workspace_folder / "runs" / name / "metrics.json").read_text())
        for name in ("descriptors", "ensemble")
    )
    assert both["top_k"] == one["top_k"]


def test_some_images_that_are_alike_spoil_no_other(data: Path, workspace_folder: Path) -> None:
    paint(data, lambda number: number % 5 == 0)
    own_groups(data)
    for arguments in (["descriptors", *HEAD], ["from-scratch", *NETWORK]):
        assert run(["train", *arguments, "--folds", "own.csv"]) == 0
        assert all(map(math.isfinite, numbers(workspace_folder / "runs" / arguments[0])))
    assert run(["predict", "descriptors"]) == 0
    table, asked = (read_table(Path(path)) for path in ("submissions/descriptors.csv", "data/test_candidates.csv"))
    faults = submission_faults(table, asked.column("left"), 20)
    assert all("all scores are equal" in fault for fault in faults)
    assert len(faults) < len(table.rows)


def test_pictures_of_a_single_pixel(data: Path, workspace_folder: Path) -> None:
    paint(data, lambda number: number % 7 == 0, side=1)
    own_groups(data)
    assert run(["train", "descriptors", *HEAD, "--folds", "own.csv"]) == 0
    assert all(map(math.isfinite, numbers(workspace_folder / "runs" / "descriptors")))


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (1, "only 1 group of pairs"),
        (4, "only 4 groups of pairs, so a fold would be empty\nuse fewer folds"),
        (30, "fold 0 has 6 pairs, but a list needs 20 different right images\nbring more pairs"),
        (60, "fold 0 has 12 pairs, but a list needs 20 different right images\nbring more pairs, or make fewer folds"),
    ],
)
def test_too_few_pairs(
    pairs: int, expected: str, data: Path, workspace_folder: Path, refuse: Callable[..., str]
) -> None:
    first_pairs(data, pairs)
    assert expected in refuse("train", "thumbnail")
    assert not list(workspace_folder.glob("runs/*"))


def test_as_few_pairs_as_two_folds_can_have(data: Path, workspace_folder: Path) -> None:
    first_pairs(data, 40)
    own_groups(data, folds=2)
    settings = ("--set", "training.batch_size=2", "--set", "training.inner_fraction=0.2")
    assert run(["train", "descriptors", *HEAD, *settings, "--folds", "own.csv"]) == 0
    folder = workspace_folder / "runs" / "descriptors"
    assert all(map(math.isfinite, numbers(folder)))
    assert json.loads((folder / "metrics.json").read_text())["n"] == 40
    assert run(["predict", "descriptors"]) == 0
