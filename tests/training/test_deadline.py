"""The deadline: shares of the time, training that ends at an epoch's end, one decision for all processes."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tlk.errors import UserError
from tlk.recipe_schema import Recipe, TrainingParameters
from tlk.training import loop
from tlk.training.deadline import KEPT, Deadline
from tlk.training.examples import Examples
from tlk.training.history import Epoch
from tlk.training.loop import Listener
from tlk.training.train import Trainer


class Clock:
    """A clock that its owner turns."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class Turning(Listener):
    """Turns the clock by a second an epoch, and keeps the notes."""

    def __init__(self, clock: Clock, seconds: float = 1.0) -> None:
        self.clock, self.seconds, self.notes = clock, seconds, list[str]()

    def epoch(self, stage: str, row: Epoch) -> None:
        self.clock.time += self.seconds

    def note(self, text: str) -> None:
        self.notes.append(text)


def of_seconds(seconds: float, clock: Clock) -> Deadline:
    """A deadline with so many seconds to train in."""
    return Deadline(seconds / 60 / (1 - KEPT), clock)


def test_without_minutes_it_never_comes() -> None:
    deadline = Deadline()
    with deadline.share(7, after=100.0):
        assert deadline.minutes is None
        assert deadline.allows(1e18)


@pytest.mark.parametrize("minutes", [0.0, -1.0, math.inf, math.nan])
def test_what_is_no_time_is_refused(minutes: float) -> None:
    with pytest.raises(UserError, match="--minutes"):
        Deadline(minutes)


def test_a_tenth_is_kept_for_what_comes_after() -> None:
    deadline = Deadline(10, Clock())
    assert deadline.allows(539.9)
    assert not deadline.allows(540.1)


def test_shares_are_equal_and_what_is_left_over_is_shared_by_the_rest() -> None:
    clock = Clock()
    deadline = of_seconds(100, clock)
    with deadline.share(4):
        assert deadline.allows(24.9)
        assert not deadline.allows(25.1)
        clock.time += 10  # done sooner
    with deadline.share(3, after=5):
        assert deadline.allows(24.9)  # a third of 90, less what is needed afterwards
        assert not deadline.allows(25.1)
        with deadline.share(2):
            assert deadline.allows(12.4)
            assert not deadline.allows(12.6)
        clock.time += 100  # far too long
    with deadline.share(2):
        assert not deadline.allows(0.001)


def settings(**how: Any) -> TrainingParameters:
    return TrainingParameters.model_validate({"epochs": 20, "patience": 20, **how})


def rows(number: int, seconds: float = 1.0) -> list[Epoch]:
    return [Epoch(i + 1, 1.0, None, None, None, 0.1, seconds) for i in range(number)]


@pytest.mark.parametrize("first_says", [True, False])
def test_the_first_process_decides_for_all(first_says: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def broadcast(objects: list[bool]) -> list[bool]:
        objects[0] = first_says
        return objects

    monkeypatch.setattr(loop, "broadcast_object_list", broadcast)
    clock = Clock()
    deadline = of_seconds(0.5 if not first_says else 100, clock)  # this process alone would say the opposite
    job: Any = SimpleNamespace(deadline=deadline, settings=settings(), listener=Listener(), stage="training")
    accelerator: Any = SimpleNamespace(num_processes=2)
    assert loop._is_out_of_time(job, rows(3), accelerator) is first_says
    assert deadline.stopped == first_says


def test_a_training_that_is_over_anyway_was_not_stopped() -> None:
    clock = Clock()
    deadline = of_seconds(0.001, clock)
    job: Any = SimpleNamespace(deadline=deadline, settings=settings(epochs=3), listener=Listener(), stage="training")
    accelerator: Any = SimpleNamespace(num_processes=1)
    assert not loop._is_out_of_time(job, rows(3), accelerator)
    assert deadline.stopped == 0


@pytest.mark.parametrize(("seconds", "epochs"), [(0.001, 1), (4.5, 5), (1e6, 30)])
def test_a_training_ends_at_an_epochs_end_with_the_best_so_far(
    embedded: Callable[..., Examples],
    recipe: Callable[..., Recipe],
    trainer: Callable[..., Trainer],
    seconds: float,
    epochs: int,
) -> None:
    training = {"epochs": 30, "batch_size": 128, "learning_rate": 5e-3, "patience": 30}
    small = trainer(recipe(training=training))
    clock = Clock()
    limited = Trainer(**vars(small) | {"deadline": of_seconds(seconds, clock)})
    listener = Turning(clock)
    model, histories = limited.train(embedded(200), 0, None, listener)
    assert len(histories["training"]) == epochs
    assert limited.deadline.stopped == len(listener.notes) == (epochs < 30)
    whole, usual = small.train(embedded(200), 0, None, Listener())
    assert len(usual["training"]) == 30
    same = [(row.loss, row.inner_top_2) for row in usual["training"][:epochs]]
    assert [(row.loss, row.inner_top_2) for row in histories["training"]] == same  # until it is stopped nothing differs
    if epochs == 30:
        for name, value in model.state_dict().items():
            assert torch.equal(value, whole.state_dict()[name])


def test_stages_share_the_time(
    embedded: Callable[..., Examples], recipe: Callable[..., Recipe], trainer: Callable[..., Trainer]
) -> None:
    training = {"epochs": 40, "batch_size": 128, "learning_rate": 1e-3, "patience": 40}
    stage = {"on": "pairs", "loss": {"name": "barlow_twins"}, "training": training}
    clock = Clock()
    usual = trainer(recipe(pretraining=stage, training=training))
    limited = Trainer(**vars(usual) | {"deadline": of_seconds(10.5, clock)})
    _, histories = limited.train(embedded(200), 0, None, Turning(clock))
    assert [len(histories[stage]) for stage in ("pretraining", "training")] == [6, 5]  # of 10.5 half, of 4.5 all
    assert limited.deadline.stopped == 2
