"""Labelled pairs as image numbers, and the batches that an epoch draws from them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from tlk.seeding import generator
from tlk.training.inputs import Inputs


@dataclass(frozen=True)
class Examples:
    """Pairs: `(n,)` numbers of their left and right images, and the `(n,)` groups of what no negative is made of.

    Groups are those of near-duplicates, or of all that a rule relates. Where the data say it themselves, `held_out`
    marks the pairs that validate, `negative` is for each the number of an image that does not match its left one, and
    `labels` are `(images, r)` by several rules: two images that share one that is not -1 are never negatives.
    """

    inputs: Inputs
    left: np.ndarray
    right: np.ndarray
    group: np.ndarray
    held_out: np.ndarray | None = None
    negative: np.ndarray | None = None
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.left)

    def of(self, chosen: np.ndarray) -> "Examples":
        """Return some of the pairs, by mask or number."""
        columns = ("left", "right", "group", "held_out", "negative")
        given = {name: getattr(self, name) for name in columns}
        return replace(self, **{name: column[chosen] for name, column in given.items() if column is not None})

    def one_a_group(self) -> "Examples":
        """Return the first pair of every group."""
        return self.of(np.sort(np.unique(self.group, return_index=True)[1]))

    def with_more(self, more: "Examples") -> "Examples":
        """Return these pairs and more of the same inputs."""
        sides = ((self.left, more.left), (self.right, more.right), (self.group, more.group))
        return Examples(self.inputs, *(np.concatenate(parts) for parts in sides))

    @property
    def images(self) -> np.ndarray:
        """The numbers of all images, left then right."""
        return np.concatenate([self.left, self.right])


@dataclass(frozen=True)
class Batch:
    """Inputs of `b` anchors, of their positives, and where the loss asks for them of one negative each.

    `groups` are the `(b,)` groups of the pairs.
    """

    anchors: Tensor
    positives: Tensor
    negatives: Tensor | None
    groups: Tensor

    def __len__(self) -> int:
        return len(self.anchors)

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        negatives = None if self.negatives is None else self.negatives.to(device)
        return Batch(self.anchors.to(device), self.positives.to(device), negatives, self.groups.to(device))

    def parts(self, count: int) -> list["Batch"]:
        """Return the batch in `count` parts as equal as can be, none of them empty."""
        count = min(count, len(self))
        negatives = [None] * count if self.negatives is None else self.negatives.tensor_split(count)
        whole = (self.anchors, self.positives, self.groups)
        anchors, positives, groups = (part.tensor_split(count) for part in whole)
        return [Batch(*part) for part in zip(anchors, positives, negatives, groups, strict=True)]


class NegativeSource(Protocol):
    """Draws one negative for each pair."""

    def draw(self, epoch: int) -> np.ndarray:
        """Return for each of the n pairs the number, among the pairs, of the one whose right image is its negative."""


@dataclass(frozen=True)
class Share:
    """Which part of every batch this process takes: number `rank` of `processes`."""

    rank: int = 0
    processes: int = 1


def draw_batches(
    examples: Examples,
    size: int,
    negatives: NegativeSource | None,
    seed: int,
    epoch: int,
    share: Share,
) -> Iterator[Batch]:
    """Yield the pairs in random order, in batches as equal as can be, none larger than `size`.

    Every choice hangs on the pair and the epoch, never on the process, so that several processes see together what one
    would see alone. Each takes an equal part of every batch; pairs that cannot be shared out wait for another epoch.
    """
    random = generator(seed, "batches", epoch)
    order = random.permutation(len(examples))
    seeds = random.integers(2**32, size=(3, len(examples)))
    drawn = negatives.draw(epoch) if negatives is not None else None
    for batch in np.array_split(order, -(-len(order) // size)):
        each = len(batch) // share.processes
        pairs = batch[share.rank * each : (share.rank + 1) * each]
        if not each:
            continue
        yield Batch(
            examples.inputs.drawn(examples.left[pairs], seeds[0, pairs]),
            examples.inputs.drawn(examples.right[pairs], seeds[1, pairs]),
            None if drawn is None else examples.inputs.drawn(examples.right[drawn[pairs]], seeds[2, pairs]),
            torch.from_numpy(examples.group[pairs]),
        )


def batches_in_epoch(pairs: int, size: int) -> int:
    """Return how many batches `draw_batches` makes of so many pairs."""
    return -(-pairs // size)
