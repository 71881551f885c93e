"""Numbers that stay numbers: a training that has left them ends and says where, and what to do."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from tlk.errors import UserError
from tlk.recipe_schema import TrainingParameters

# Each skipped step halves the scale of float16's gradients: from 65,536, so many end far below 1.
MOST_SKIPPED = 20


class DivergedError(UserError):
    """A training whose numbers are not finite any more; what was trained before it stays as it was."""


@contextmanager
def named(what: str) -> Iterator[None]:
    """Let the message of a training that diverges inside begin with `what` diverged, such as `fold 2`."""
    try:
        yield
    except DivergedError as error:
        raise DivergedError(f"{what}: {error}") from error


def require_finite_loss(loss: float, epoch: int, stage: str, settings: TrainingParameters, name: str = "loss") -> None:
    """Raise DivergedError unless a loss of an epoch, counted from 0, is a finite number."""
    if not math.isfinite(loss):
        raise DivergedError(f"the {name} is {loss} in {_place(epoch, stage)}\n{_remedy(stage, settings)}")


def require_finite_weights(model: nn.Module, epoch: int, stage: str, settings: TrainingParameters) -> None:
    """Raise DivergedError unless all weights and statistics are finite numbers: a loss shows it a step too late."""
    numbers = {key: value for key, value in model.state_dict().items() if value.is_floating_point() and value.numel()}
    if not numbers:
        return
    finite = torch.stack([value.isfinite().all() for value in numbers.values()]).tolist()  # one wait for a GPU
    if not all(finite):
        name = list(numbers)[finite.index(False)]
        raise DivergedError(f"{name} is not finite after {_place(epoch, stage)}\n{_remedy(stage, settings)}")


def require_finite_embeddings(embeddings: np.ndarray, what: str) -> None:
    """Raise DivergedError unless all of the `(n, d)` embeddings that `what` has made are finite numbers."""
    if not np.isfinite(embeddings).all():
        count = int((~np.isfinite(embeddings).all(axis=1)).sum())
        remedy = "train it again: lower training.learning_rate, or set training.precision=fp32"
        raise DivergedError(f"{count} of {len(embeddings)} embeddings of {what} are not finite\n{remedy}")


class Overflows:
    """Counts the steps that were skipped because float16's gradients overflowed, as its scaler does.

    A few are normal: the scale is halved at each, and doubled when there have been none for long. A skipped step
    changes no weight.
    """

    def __init__(self) -> None:
        self.in_a_row = 0
        self.taken = 0  # steps that were not skipped

    def count(self, optimiser: Any) -> bool:
        """Return whether the optimiser that Accelerate prepared has skipped the step that it was just asked for."""
        skipped = bool(optimiser.step_was_skipped)
        self.in_a_row = self.in_a_row + 1 if skipped else 0
        self.taken += not skipped
        return skipped

    def require_few(self, epoch: int, stage: str) -> None:
        """Raise DivergedError where so many steps in a row were skipped that no smaller scale would help."""
        if self.in_a_row >= MOST_SKIPPED:
            what = f"half precision overflowed in {self.in_a_row} steps in a row, in {_place(epoch, stage)}"
            raise DivergedError(f"{what}\n{_in_full(stage)}")

    def require_taken(self, stage: str) -> None:
        """Raise DivergedError where a training is over and every step of it was skipped."""
        if self.in_a_row and not self.taken:
            raise DivergedError(
                f"half precision overflowed in every step of {stage}: nothing was learned\n{_in_full(stage)}"
            )


def _place(epoch: int, stage: str) -> str:
    return f"epoch {epoch + 1}" + ("" if stage == "training" else f" of {stage}")


def _remedy(stage: str, settings: TrainingParameters) -> str:
    table = _table(stage)
    mixed = f", or set {table}.precision=fp32" if settings.precision == "mixed" else ""
    bounded = f", or set {table}.clip=1" if settings.clip is None else ""
    return f"lower {table}.learning_rate{bounded}{mixed}"


def _in_full(stage: str) -> str:
    return f"set {_table(stage)}.precision=fp32"


def _table(stage: str) -> str:
    """Return the recipe's table that a stage is set in."""
    return "pretraining.training" if stage.endswith("pretraining") else "training"
