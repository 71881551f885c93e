"""The loop: batches in, loss down, early stopping on an inner score, the best weights kept."""

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tlk.errors import UserError
from tlk.recipe import TrainingParameters

Batches = Callable[[int], Iterable[tuple[Tensor, Tensor]]]


@dataclass(frozen=True)
class Epoch:
    """One row of the history."""

    epoch: int
    loss: float
    inner_top_2: float
    seconds: float

    def cells(self) -> list[str]:
        """Return the row as text."""
        return [f"{value:.6g}" for value in asdict(self).values()]


def fit(
    model: nn.Module,
    loss: nn.Module,
    batches: Batches,
    validate: Callable[[nn.Module], float],
    settings: TrainingParameters,
    accelerator: Accelerator,
) -> list[Epoch]:
    """Train `model` in place and leave it with the weights of its best epoch.

    Args:
        model: turns a batch of inputs into embeddings.
        loss: takes the embeddings of queries and of their positives.
        batches: gives the batches of an epoch, counted from 0.
        validate: the score, larger = better, of an inner split that training never sees.
        settings: epochs, optimiser, patience.
        accelerator: device and precision.

    Raises:
        UserError: the loss is not finite any more.
    """
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    prepared, optimiser = accelerator.prepare(model, optimiser)
    history: list[Epoch] = []
    best, best_state = -1.0, copy.deepcopy(model.state_dict())
    for epoch in range(settings.epochs):
        started = time.perf_counter()
        prepared.train()
        losses = [_step(prepared, loss, optimiser, batch, accelerator) for batch in batches(epoch)]
        mean_loss = float(torch.stack(losses).mean())
        if mean_loss != mean_loss or mean_loss in (float("inf"), float("-inf")):
            raise UserError(f"the loss is {mean_loss} in epoch {epoch + 1}\nlower training.learning_rate")
        prepared.eval()
        score = validate(model)
        history.append(Epoch(epoch + 1, mean_loss, score, time.perf_counter() - started))
        if score > best:
            best, best_state = score, copy.deepcopy(model.state_dict())
        if epoch + 1 - best_epoch(history) >= settings.patience:
            break
    accelerator.free_memory()  # it keeps what it prepared, fold after fold
    model.load_state_dict(best_state)
    model.eval()
    return history


def best_epoch(history: list[Epoch]) -> int:
    """Return the epoch, from 1, whose weights were kept: the first of the highest inner score."""
    return max(history, key=lambda row: (row.inner_top_2, -row.epoch)).epoch


def _step(
    model: nn.Module,
    loss: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor],
    accelerator: Accelerator,
) -> Tensor:
    queries, positives = batch
    value: Tensor = loss(model(queries), model(positives))
    optimiser.zero_grad()
    accelerator.backward(value)
    optimiser.step()
    return value.detach()
