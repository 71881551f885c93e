"""Where the negatives of an epoch come from: at random, or mined with the model as it stands.

Peng and Widjaja, *Image Similarity Models with the TotallyLooksAlike Dataset*, gave hard negatives up, because they
embedded the whole gallery anew for every pair. Here a subset is embedded once every few epochs.
"""

import time
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from tlk.data.pairing import related
from tlk.errors import UserError
from tlk.miners.registry import MINERS
from tlk.models.base import Model
from tlk.recipe_schema import Recipe
from tlk.registry import parameters_of
from tlk.seeding import generator
from tlk.training.embed import embed_images
from tlk.training.examples import Examples

_TRIES = 50  # to draw one that no rule relates


class RandomNegatives:
    """For each pair any right image that is neither its own nor a near-duplicate's.

    Unless they are drawn `fresh` in every epoch, those that the data bring themselves come first.

    Raises:
        UserError: all pairs are near-duplicates of each other.
    """

    def __init__(self, examples: Examples, seed: int, fresh: bool = True) -> None:
        if (examples.group == examples.group[0]).all():
            what = f"all {len(examples)} pairs to learn from are near-duplicates of each other"
            raise UserError(f"{what}: there are no negatives\nbring other pairs, or another fold table")
        self._examples = examples
        self._seed = seed
        self._fresh = fresh
        self._given = _numbers_of(examples) if not fresh else np.full(len(examples), -1)

    def __len__(self) -> int:
        return len(self._examples)

    def draw(self, epoch: int) -> np.ndarray:
        """Return the `(n,)` numbers, among the pairs, of those whose right images are the negatives."""
        random = generator(self._seed, "negatives", epoch if self._fresh else 0)
        drawn = self._of_other_groups(random)
        for _ in range(_TRIES if self._examples.labels is not None else 0):
            related = self._related(drawn)
            if not related.any():
                break
            drawn = np.where(related, self._of_other_groups(random), drawn)
        return np.where(self._given >= 0, self._given, drawn)

    def _of_other_groups(self, random: np.random.Generator) -> np.ndarray:
        group = self._examples.group
        order = np.argsort(group, kind="stable")  # groups lie side by side, so that one can be stepped over
        first, last = (np.searchsorted(group[order], group, side) for side in ("left", "right"))
        drawn = random.integers(len(group) - (last - first))
        drawn += np.where(drawn >= first, last - first, 0)
        return np.asarray(order[drawn])

    def _related(self, drawn: np.ndarray) -> np.ndarray:
        """Return for each pair which of its `(n, …)` drawn ones a rule relates to it."""
        examples = self._examples
        if examples.labels is None:
            return np.zeros(drawn.shape, bool)
        left = np.broadcast_to(examples.left.reshape(-1, *[1] * (drawn.ndim - 1)), drawn.shape)
        return related(examples.labels, left.ravel(), examples.right[drawn].ravel()).reshape(drawn.shape)


def _numbers_of(examples: Examples) -> np.ndarray:
    """Return for each pair the number of one whose right image is the negative that the data bring, -1 without one."""
    if examples.negative is None:
        return np.full(len(examples), -1)
    order = np.argsort(examples.right, kind="stable")
    place = np.searchsorted(examples.right[order], examples.negative).clip(max=len(order) - 1)
    return np.where(examples.right[order[place]] == examples.negative, order[place], -1)


class MinedNegatives(RandomNegatives):
    """Negatives that the current model takes for matches, mixed with random ones.

    An anchor for which mining finds none, as where a collapsed model calls everything equally alike, has a random one.
    """

    def __init__(self, examples: Examples, recipe: Recipe, model: Model, accelerator: Accelerator, seed: int) -> None:
        super().__init__(examples, seed)
        miner, self._parameters = parameters_of(recipe.mining or {}, MINERS)
        self._miner = miner(self._parameters)
        self._model = model
        self._accelerator = accelerator
        self._table = np.empty((0, 0), np.int64)
        self.seconds = {"embedding": 0.0, "selecting": 0.0}

    def draw(self, epoch: int) -> np.ndarray:
        """Return the `(n,)` numbers, mining first where it is time to."""
        drawn = super().draw(epoch)
        if self._parameters.random == 1:
            return drawn
        if epoch % self._parameters.refresh == 0 or not self._table.size:
            self._mine(epoch)
        random = generator(self._seed, "mined", epoch)
        found = (self._table >= 0).sum(axis=1)  # they stand first in each row
        chosen = self._table[np.arange(len(drawn)), random.integers(np.maximum(found, 1))]
        mined = (random.random(len(drawn)) >= self._parameters.random) & (found > 0)
        return np.where(mined, chosen, drawn)

    def _mine(self, epoch: int) -> None:
        """Embed anchors and a subset of candidates once, and keep the k most useful candidates of each anchor."""
        started = time.perf_counter()
        examples, random = self._examples, generator(self._seed, "subset", epoch)
        subset = np.sort(random.permutation(len(examples))[: self._parameters.subset])
        rows = torch.from_numpy(subset)
        anchors, own = self._embed(examples.left), None
        if self._miner.needs_own:
            positives = self._embed(examples.right)
            own, gallery = self._model.compare(anchors, positives), positives[rows.to(positives.device)]
        else:
            gallery = self._embed(examples.right[subset])
        embedded = time.perf_counter()
        group = torch.from_numpy(examples.group)
        with torch.no_grad():
            similarity = self._model.similarity
            selected = self._miner.select(similarity, anchors, own, gallery, group, group[rows])
        found = selected.cpu().numpy()
        table = np.where(found >= 0, subset[found], -1)
        table[self._related(table)] = -1
        self._table = np.take_along_axis(table, np.argsort(table < 0, axis=1, kind="stable"), axis=1)
        self.seconds["embedding"] += embedded - started
        self.seconds["selecting"] += time.perf_counter() - embedded

    def _embed(self, images: np.ndarray) -> Tensor:
        # One orientation: half the cost, and it finds the same kind of negatives.
        return embed_images(self._model, self._examples.inputs, images, self._accelerator, as_is=True)

    def state_dict(self) -> dict[str, Any]:
        """Return what mining found last."""
        return {"table": torch.from_numpy(self._table)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what mining found last."""
        self._table = state["table"].numpy()
