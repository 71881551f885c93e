"""Heads on frozen features: fitted, trained and applied."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save
from torch import Tensor, nn

from tlk.constants import CANDIDATES, PICKS
from tlk.data.folds import split_groups
from tlk.errors import UserError
from tlk.files import replacing
from tlk.losses.registry import LOSSES
from tlk.metrics import expected_top_k
from tlk.models.registry import MODELS
from tlk.recipe import Recipe, TrainingParameters, parameters_of
from tlk.scoring.similarity import count_beating
from tlk.seeding import derive_seed
from tlk.training.loop import Epoch, fit

_BLOCK = 512  # images


@dataclass(frozen=True)
class PairFeatures:
    """Frozen features of pairs: `(n, o, d)` float32 a side, o orientations; `sizes` are the views' widths."""

    left: Tensor
    right: Tensor
    sizes: tuple[int, ...]

    def of(self, pairs: np.ndarray) -> "PairFeatures":
        """Return the features of some pairs."""
        chosen = torch.from_numpy(pairs)
        return PairFeatures(self.left[chosen], self.right[chosen], self.sizes)


def train_head(
    recipe: Recipe, features: PairFeatures, group: np.ndarray, seed: int, accelerator: Accelerator
) -> tuple[Any, list[Epoch]]:
    """Return a head trained on all of `features`, and its history (empty for a recipe that learns nothing).

    An inner split, whole groups of the `(n,)` groups, decides when to stop; means and PCA do not see it either.

    Raises:
        UserError: too few pairs to hold some out.
    """
    head = build_head(recipe, features.sizes)
    if recipe.loss is None or recipe.training is None:
        head.fit(torch.cat([features.left, features.right]), seed)
        return head.eval(), []
    inner = split_groups(group, recipe.training.inner_fraction, derive_seed(seed, "inner"))
    if inner.sum() < PICKS or (~inner).sum() < PICKS:
        raise UserError(
            f"{len(group)} pairs in {len(np.unique(group))} groups are too few to hold an inner split out\n"
            "bring more pairs, or make fewer folds"
        )
    learned = features.of(np.flatnonzero(~inner))
    held_out = features.of(np.flatnonzero(inner))
    head.fit(torch.cat([learned.left, learned.right]), seed)
    head.to(accelerator.device)
    queries, gallery = (_reduce(head, side) for side in (held_out.left, held_out.right))
    history = _learn(
        head, recipe, learned, lambda model: _inner_score(model, queries, gallery), recipe.training, seed, accelerator
    )
    return head.cpu(), history


def refit_head(recipe: Recipe, features: PairFeatures, epochs: int, seed: int, accelerator: Accelerator) -> Any:
    """Return a head trained on all of `features` for as many epochs as early stopping found right on the folds."""
    head = build_head(recipe, features.sizes)
    head.fit(torch.cat([features.left, features.right]), seed)
    if recipe.training is not None and epochs:
        settings = recipe.training.model_copy(update={"epochs": epochs, "patience": epochs})
        rising = itertools.count()  # nothing is held out to choose by: the last epoch counts
        head.to(accelerator.device)
        _learn(head, recipe, features, lambda model: float(next(rising)), settings, seed, accelerator)
    return head.cpu().eval()


def _learn(
    head: Any,
    recipe: Recipe,
    learned: PairFeatures,
    validate: Callable[[nn.Module], float],
    settings: TrainingParameters,
    seed: int,
    accelerator: Accelerator,
) -> list[Epoch]:
    """Train a fitted head in place on pairs; the global random states stay as they were."""
    left, right = _reduce(head, learned.left), _reduce(head, learned.right)
    loss_class, loss_parameters = parameters_of(recipe.loss or {}, LOSSES)

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        return _batches(left, right, settings.batch_size, derive_seed(seed, "batches", epoch))

    with torch.random.fork_rng([accelerator.device] if accelerator.device.type == "cuda" else []):
        torch.manual_seed(derive_seed(seed, "dropout"))
        return fit(head, loss_class(loss_parameters), batches, validate, settings, accelerator)


@torch.no_grad()
def _reduce(head: Any, features: Tensor) -> Tensor:
    """Return `(n, o, r)` reduced features on the head's device, made block by block: whole, they need no room twice."""
    device = head.mean.device
    return torch.cat([head.reduce(part.to(device)) for part in features.split(_BLOCK)])


def build_head(recipe: Recipe, sizes: tuple[int, ...]) -> Any:
    """Return the untrained head of a recipe."""
    head_class, parameters = parameters_of(recipe.model, MODELS)
    return head_class(parameters, sizes)


def _batches(left: Tensor, right: Tensor, size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pairs in random order, each side in a random orientation, in batches as equal as can be, none larger."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(left))
    for batch in np.array_split(order, -(-len(order) // size)):
        pairs = torch.from_numpy(batch)
        turns = torch.from_numpy(random.integers(left.shape[1], size=(2, len(batch))))
        yield left[pairs, turns[0]], right[pairs, turns[1]]


@torch.no_grad()
def _inner_score(head: Any, left: Tensor, right: Tensor) -> float:
    queries, gallery = head.embed(left).cpu().numpy(), head.embed(right).cpu().numpy()
    others = len(gallery) - 1
    beating = count_beating(queries, gallery)
    return float(expected_top_k(beating, others, min(CANDIDATES, others + 1), PICKS).mean())


@torch.no_grad()
def apply_head(head: Any, features: Tensor) -> np.ndarray:
    """Return the `(n, e)` float32 unit embeddings of `(n, o, d)` features."""
    return np.concatenate([head.embed(head.reduce(part)).numpy() for part in features.split(_BLOCK)])


def save_head(head: nn.Module, path: Path) -> None:
    """Write a head's weights and fitted statistics."""
    with replacing(path) as file:
        file.write(save({key: value.contiguous() for key, value in head.state_dict().items()}))


def load_head(recipe: Recipe, sizes: tuple[int, ...], path: Path) -> Any:
    """Return the head that `save_head` wrote.

    Raises:
        UserError: the file is missing or damaged, or was written for other features.
    """
    head = build_head(recipe, sizes)
    try:
        head.load_state_dict(load_file(path))
    except Exception as error:  # safetensors and torch raise a kind of their own for every fault
        why = str(error).strip().splitlines()[0]
        raise UserError(f"cannot load {path}: {why}\ntrain the run again: tlk train --overwrite") from error
    return head.eval()
