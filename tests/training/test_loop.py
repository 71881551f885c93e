"""The loop: it keeps the best epoch, stops in time, and stops at nonsense."""

from collections.abc import Iterator

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tlk.errors import UserError
from tlk.recipe import TrainingParameters
from tlk.training.loop import best_epoch, fit


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.0))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.factor


class Distance(nn.Module):
    def forward(self, queries: Tensor, positives: Tensor) -> Tensor:
        return ((queries - 1) ** 2).mean() + 0 * positives.mean()


def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(3):
        yield torch.ones(4, 1), torch.ones(4, 1)


SETTINGS = TrainingParameters(epochs=20, learning_rate=0.01, patience=3)


def test_the_loss_falls_and_every_epoch_is_recorded() -> None:
    model = Scale()
    history = fit(model, Distance(), batches, lambda m: float(m.factor.detach()), SETTINGS, Accelerator(cpu=True))
    assert [row.epoch for row in history] == list(range(1, 21))
    assert history[-1].loss < history[0].loss
    assert float(model.factor.detach()) > 0.3


def test_the_best_epoch_is_kept_and_patience_ends_training() -> None:
    model = Scale()
    scores = iter([0.1, 0.5, 0.5, 0.4, 0.3, 0.9])
    seen: list[float] = []

    def validate(module: nn.Module) -> float:
        seen.append(float(module.factor.detach()))
        return next(scores)

    history = fit(model, Distance(), batches, validate, SETTINGS, Accelerator(cpu=True))
    assert len(history) == 5  # epoch 2 was the best, three more did not beat it
    assert best_epoch(history) == 2
    assert float(model.factor.detach()) == seen[1]
    assert not model.training


def test_the_model_is_validated_in_evaluation_mode() -> None:
    modes: list[bool] = []

    def validate(module: nn.Module) -> float:
        modes.append(module.training)
        return 0.0

    fit(Scale(), Distance(), batches, validate, SETTINGS, Accelerator(cpu=True))
    assert modes
    assert not any(modes)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_said(value: float) -> None:
    class Broken(Distance):
        def forward(self, queries: Tensor, positives: Tensor) -> Tensor:
            return super().forward(queries, positives) * value

    with pytest.raises(UserError, match="learning_rate"):
        fit(Scale(), Broken(), batches, lambda m: 0.0, SETTINGS, Accelerator(cpu=True))
