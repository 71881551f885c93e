"""Interrupted anywhere and resumed, a training ends where an undisturbed one does, to the last bit."""

import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tlk.errors import UserError
from tlk.models.base import Model
from tlk.recipe_schema import Recipe
from tlk.training import checkpoint as module
from tlk.training import negatives
from tlk.training.accelerator import make_accelerator
from tlk.training.examples import Examples
from tlk.training.history import Epoch
from tlk.training.loop import Listener
from tlk.training.train import Histories, Trainer

Outcome = tuple[Model, Histories]
Case = tuple[Recipe, Examples]


class StopError(Exception):
    """The training is interrupted."""


class Stopping(Listener):
    """Interrupts at the end of an epoch, counted over all stages; None lets it pass."""

    def __init__(self, after: int | None = None) -> None:
        self.epochs = 0
        self._after = after

    def epoch(self, stage: str, row: Epoch) -> None:
        self.epochs += 1
        if self.epochs == self._after:
            raise StopError


@pytest.fixture(autouse=True)
def _save_after_every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAVE_SECONDS", 0)


@pytest.fixture
def train(trainer: Callable[..., Trainer]) -> Callable[..., Outcome]:
    """Train as a new process would, with an accelerator of its own."""

    def run(case: Case, states: Path | None, listener: Listener | None = None) -> Outcome:
        accelerator = make_accelerator(torch.device("cpu"), "fp32")
        return trainer(case[0], on=accelerator).train(case[1], 5, states, listener or Listener())

    return run


@pytest.fixture(params=["mined", "pictures", "stages"])
def case(
    request: pytest.FixtureRequest,
    recipe: Callable[..., Recipe],
    embedded: Callable[..., Examples],
    pictured: Callable[..., Examples],
) -> Case:
    """Trainings with all that has a state of its own."""
    training = {"epochs": 6, "batch_size": 32, "schedule": "cosine", "warmup": 0.2, "clip": 1.0, "weight_decay": 0.1}
    convnet = {"name": "convnet", "filters": (4, 8), "kernels": (3,), "dense": (8,), "batch_norm": True, "dropout": 0.3}
    if request.param == "mined":
        mining = {"name": "semi_hard", "subset": 60, "refresh": 3, "k": 5}
        stopped = {**training, "epochs": 9, "patience": 2, "accumulate": 2, "learning_rate": 0.02}
        return recipe(loss={"name": "triplet"}, mining=mining, training=stopped), embedded(120)
    if request.param == "pictures":
        pixels = {"size": 8, "colour": "grey"}
        return recipe(pixels=pixels, model=convnet, loss={"name": "contrastive"}, training=training), pictured(80)
    stage = {"on": "images", "loss": {"name": "barlow_twins"}, "training": {"epochs": 3, "batch_size": 64}}
    return recipe(pretraining=stage, training={**training, "epochs": 3}), embedded(120)


def state_of(model: Model) -> dict[str, Tensor]:
    return model.state_dict()


def assert_same(one: Outcome, other: Outcome) -> None:
    for key, value in state_of(one[0]).items():
        assert torch.equal(value, state_of(other[0])[key]), key
    assert one[1].keys() == other[1].keys()
    for stage, rows in one[1].items():
        assert [replace(row, seconds=0) for row in rows] == [replace(row, seconds=0) for row in other[1][stage]]


@pytest.mark.slow
def test_interrupted_after_any_epoch_it_ends_where_an_undisturbed_one_does(
    case: Case, train: Callable[..., Outcome], tmp_path: Path
) -> None:
    listener = Stopping()
    whole = train(case, None, listener)
    assert listener.epochs >= 4
    assert_same(train(case, tmp_path / "undisturbed"), whole)  # saving changes nothing
    for after in range(1, listener.epochs + 1):
        states = tmp_path / str(after)
        with pytest.raises(StopError):
            train(case, states, Stopping(after))
        resumed = Stopping()
        assert_same(train(case, states, resumed), whole)
        assert resumed.epochs == listener.epochs - (after - 1)  # the epoch that was cut off comes again, no more


def test_interrupted_in_every_epoch_it_still_gets_there(
    recipe: Callable[..., Recipe], embedded: Callable[..., Examples], train: Callable[..., Outcome], tmp_path: Path
) -> None:
    mining = {"name": "hard", "subset": 30, "refresh": 2, "k": 3}
    case = recipe(mining=mining, training={"epochs": 4, "batch_size": 32}), embedded(80)
    whole = train(case, None)
    for _ in range(3):
        with pytest.raises(StopError):
            train(case, tmp_path, Stopping(2))  # one new epoch at a time
    assert_same(train(case, tmp_path), whole)


def test_early_stopping_counts_on(
    recipe: Callable[..., Recipe], embedded: Callable[..., Examples], train: Callable[..., Outcome], tmp_path: Path
) -> None:
    case = recipe(training={"epochs": 50, "patience": 2, "batch_size": 32, "learning_rate": 0.05}), embedded(80)
    whole = train(case, None)
    epochs = len(whole[1]["training"])
    assert epochs < 50
    with pytest.raises(StopError):
        train(case, tmp_path, Stopping(epochs))
    assert_same(train(case, tmp_path), whole)


@pytest.fixture
def small(recipe: Callable[..., Recipe], embedded: Callable[..., Examples]) -> Case:
    mining = {"name": "hard", "subset": 30, "refresh": 10, "k": 3}
    return recipe(mining=mining, training={"epochs": 4, "batch_size": 32}), embedded(60)


def test_mined_negatives_are_taken_up_not_mined_again(
    small: Case, train: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StopError):
        train(small, tmp_path, Stopping(3))
    table = load_file(tmp_path / "training" / "state-2" / "kept.safetensors")["table"]
    mined: list[Any] = []
    monkeypatch.setattr(negatives.MinedNegatives, "_mine", lambda self, epoch: mined.append(epoch))
    train(small, tmp_path)
    assert mined == []
    kept = load_file(tmp_path / "training" / "state-4" / "kept.safetensors")["table"]
    assert torch.equal(kept, table)


def test_only_the_newest_state_is_kept(small: Case, train: Callable[..., Outcome], tmp_path: Path) -> None:
    seen: list[list[str]] = []

    class Looking(Listener):
        def epoch(self, stage: str, row: Epoch) -> None:
            seen.append(sorted(path.name for path in (tmp_path / "training").glob("*")))

    train(small, tmp_path, Looking())
    assert seen == [[], ["state-1"], ["state-2"], ["state-3"]]
    assert [path.name for path in (tmp_path / "training").iterdir()] == ["state-4"]


def test_states_are_not_written_all_the_time(
    small: Case, train: Callable[..., Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAVE_SECONDS", 3600)
    whole = train(small, tmp_path)
    assert [path.name for path in (tmp_path / "training").iterdir()] == ["state-1"]
    again = Stopping()
    assert_same(train(small, tmp_path, again), whole)
    assert again.epochs == 3  # those after the state


def test_the_latest_state_goes_by_its_number(small: Case, train: Callable[..., Outcome], tmp_path: Path) -> None:
    with pytest.raises(StopError):
        train(small, tmp_path, Stopping(3))
    (tmp_path / "training" / "state-2").rename(tmp_path / "training" / "state-10")
    (tmp_path / "training" / "state-9").mkdir()  # an older one that was being removed
    listener = Stopping()
    train(small, tmp_path, listener)
    assert listener.epochs == 2


def test_a_half_written_state_is_not_read(small: Case, train: Callable[..., Outcome], tmp_path: Path) -> None:
    whole = train(small, None)
    with pytest.raises(StopError):
        train(small, tmp_path, Stopping(3))
    for epoch in (3, 4):
        (tmp_path / "training" / f".state-{epoch}").mkdir()
        (tmp_path / "training" / f".state-{epoch}" / "model.safetensors").write_bytes(b"half")
    assert_same(train(small, tmp_path), whole)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.bin", "kept.safetensors", "progress.json"])
@pytest.mark.parametrize("damage", ["missing", "cut", "nonsense"])
def test_a_damaged_state_is_said(
    small: Case, train: Callable[..., Outcome], tmp_path: Path, name: str, damage: str
) -> None:
    with pytest.raises(StopError):
        train(small, tmp_path, Stopping(3))
    file = tmp_path / "training" / "state-2" / name
    content = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes(content[: len(content) // 2] if damage == "cut" else b"nonsense")
    with pytest.raises(UserError, match=r"cannot read .*state-2.*\nremove this folder") as caught:
        train(small, tmp_path)
    assert len(str(caught.value).splitlines()) == 2
    if name == "model.safetensors":  # what the message advises helps
        shutil.rmtree(tmp_path / "training" / "state-2")
        assert_same(train(small, tmp_path), train(small, None))


def test_resuming_leaves_the_global_random_states_alone(
    small: Case, train: Callable[..., Outcome], tmp_path: Path
) -> None:
    with pytest.raises(StopError):
        train(small, tmp_path, Stopping(3))
    random.seed(7)
    np.random.seed(7)
    torch.manual_seed(7)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.random.get_rng_state()
    train(small, tmp_path)
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.equal(torch.random.get_rng_state(), before[2])
