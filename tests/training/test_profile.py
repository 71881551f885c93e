"""Seconds by part: each counted once, nothing measured that was not asked for, the whole accounted for."""

import time
from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tlk.models.base import Model
from tlk.recipe_schema import TrainingParameters
from tlk.training import profile as module
from tlk.training.examples import Batch
from tlk.training.loop import Job, fit
from tlk.training.profile import (
    BACKWARD,
    FORWARD,
    MINING,
    MOVING,
    PARTS,
    REST,
    STEPPING,
    VALIDATING,
    WAITING,
    WHOLE,
    Profile,
)
from tlk.training.steps import Embeddings
from tlk.training.validate import Scores

NAP = 0.01


class Slow(Model):
    """Sleeps in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.5))
        self.factor.register_hook(lambda gradient: time.sleep(3 * NAP))

    def forward(self, inputs: Tensor) -> Tensor:
        time.sleep(2 * NAP)
        return inputs * self.factor


class Mined:
    """Negatives whose mining has taken so long."""

    def __init__(self) -> None:
        self.seconds = {"embedding": 0.5 * NAP, "selecting": 0.5 * NAP}


def training(accelerator: Accelerator, profile: Profile) -> dict[str, float]:
    """Train for two epochs of two steps and return what was measured."""

    def batches(epoch: int) -> Iterator[Batch]:
        time.sleep(4 * NAP)  # as mining does: before the first batch
        for _ in range(2):
            yield Batch(torch.ones(2, 1), torch.ones(2, 1), None, torch.arange(2))

    def validate() -> Scores:
        time.sleep(5 * NAP)
        return Scores(0.0, 0.0, None)

    settings = TrainingParameters(epochs=2)
    job = Job(Embeddings(Slow()), _loss, False, batches, 2, validate, settings, 0, negatives=Mined(), profile=profile)
    fit(job, accelerator)
    return profile.seconds


def _loss(anchors: Tensor, positives: Tensor, negatives: Tensor | None) -> Tensor:
    return (anchors + positives).mean()


def test_each_part_has_its_own_time_and_none_is_counted_twice(accelerator: Accelerator) -> None:
    profile = Profile(detailed=True)
    started = time.perf_counter()
    seconds = training(accelerator, profile)
    elapsed = time.perf_counter() - started
    expected = {FORWARD: 8, BACKWARD: 12, VALIDATING: 10, WAITING: 7, MINING: 1, MOVING: 0, STEPPING: 0}
    assert set(expected) == set(PARTS)
    for part, naps in expected.items():
        assert seconds[part] >= 0.95 * naps * NAP, part
    slept = sum(expected.values()) * NAP
    assert slept <= sum(seconds[part] for part in PARTS) <= seconds[WHOLE] <= elapsed
    assert seconds[MINING] == pytest.approx(NAP)


def test_without_details_only_the_waiting_is_measured(
    accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_finish", lambda: pytest.fail("waited for the GPU"))
    seconds = training(accelerator, Profile())
    assert seconds[WAITING] >= 0.95 * 7 * NAP
    assert {part for part, value in seconds.items() if value} == {WAITING, MINING}
    assert Profile().rows() == []


def test_the_gpu_is_waited_for_before_each_look_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    ticks = count()

    def look() -> float:
        happened.append("clock")
        return float(next(ticks))

    monkeypatch.setattr(module.torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(module.torch.cuda, "synchronize", lambda: happened.append("synchronised"))
    monkeypatch.setattr(module.time, "perf_counter", look)
    with Profile(detailed=True).of(FORWARD):
        happened.append("forward")
    assert happened == ["synchronised", "clock", "forward", "synchronised", "clock"]


def test_a_part_that_fails_is_counted() -> None:
    profile = Profile(detailed=True)
    with pytest.raises(torch.OutOfMemoryError), profile.of(FORWARD):
        raise torch.OutOfMemoryError
    assert profile.seconds[FORWARD] > 0


def test_the_rows_add_up() -> None:
    profile = Profile(detailed=True)
    profile.seconds.update({WHOLE: 10.0, WAITING: 4.0, FORWARD: 3.0})
    profile.move(1.0, WAITING, MINING)
    rows = {name: (seconds, share) for name, seconds, share in profile.rows()}
    assert list(rows) == [*PARTS, REST]
    assert rows[WAITING] == (3.0, 0.3)
    assert rows[MINING] == (1.0, 0.1)
    assert rows[REST] == (3.0, 0.3)
    np.testing.assert_allclose(np.sum(list(rows.values()), axis=0), (10.0, 1.0))
