"""What a notebook calls and what is typed reach the same functions, with the same words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import tlk
from tlk.cli.main import run as command
from tlk.console import Console
from tlk.errors import UserError
from tlk.training.deadline import Deadline
from tlk.workflows.run import Run
from tlk.workflows.train_options import TrainOptions

TRAIN = [
    "train", "descriptors", "--set", "seed=1", "--set", "matching=false", "--run", "a", "--runs", "kept", "--overwrite",
    "--refit", "--minutes", "3", "--device", "cpu", "--backbone", "b", "--folds", "f.csv", "--data", "d", "--resume",
]  # fmt: skip
PREDICT = ["predict", "a", "--data", "d", "--runs", "kept", "--out", "x.csv", "--device", "cpu", "--no-matching"]
SEARCH = ["search", "x.jpg", "y.jpg", "--run", "a", "--runs", "kept", "--gallery", "g", "--top", "3", "--device", "cpu"]


def train() -> object:
    return tlk.train(
        "descriptors", "d", settings=["seed=1", "matching=false"], run="a", runs="kept", overwrite=True, refit=True,
        minutes=3, device="cpu", backbone="b", folds="f.csv", resume=True,
    )  # fmt: skip


def predict() -> object:
    return tlk.predict(
        Run(Path("kept/a")), "d", out="x.csv", device="cpu", matching=False, known_pairs=True, skip_bad=True
    )


def search() -> object:
    return tlk.search("x.jpg", "y.jpg", run=Run(Path("kept/a")), gallery="g", top=3, device="cpu")


CASES: dict[str, tuple[list[str], Callable[[], object], str]] = {
    "train": (TRAIN, train, "tlk.workflows.train.train"),
    "bare train": (["train"], tlk.train, "tlk.workflows.train.train"),
    "predict": ([*PREDICT, "--known-pairs", "--skip-bad"], predict, "tlk.workflows.predict.predict"),
    "bare predict": (["predict"], tlk.predict, "tlk.workflows.predict.predict"),
    "eval": (
        ["eval", "a", "--topk", "3", "--runs", "kept"],
        lambda: tlk.evaluate(Run(Path("kept/a")), topk=3),
        "tlk.workflows.evaluate.evaluate",
    ),
    "bare eval": (["eval"], tlk.evaluate, "tlk.workflows.evaluate.evaluate"),
    "search": (SEARCH, search, "tlk.workflows.search.search"),
}


def comparable(told: Any) -> Any:
    """Return an argument as something that is equal where it means the same."""
    if isinstance(told, TrainOptions):
        return replace(told, deadline=None), told.deadline.minutes  # type: ignore[arg-type]
    return type(told) if isinstance(told, Console | Deadline) else list(told) if isinstance(told, tuple) else told


@pytest.mark.parametrize("case", CASES)
def test_both_reach_one_function(case: str, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typed, call, target = CASES[case]
    seen: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def work(*given: Any, **named: Any) -> None:
        seen.append((tuple(map(comparable, given)), {name: comparable(told) for name, told in named.items()}))
        raise UserError("far enough")

    monkeypatch.setattr(target, work)
    assert command(typed) == 2
    with pytest.raises(UserError, match="far enough"):
        call()
    by_command, by_call = seen
    assert by_command == by_call
