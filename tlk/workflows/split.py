"""Which pairs are scored: all, fold by fold, or the test part of a single split by shares."""

import zlib
from dataclasses import dataclass, replace

import numpy as np

from tlk.data.folds import Folds, split_groups
from tlk.errors import UserError
from tlk.recipe_schema import Recipe
from tlk.seeding import derive_seed


@dataclass(frozen=True)
class Split:
    """The `(n,)` fold that each pair is scored in, -1 for a pair that is never scored, and the seed of the lists."""

    fold: np.ndarray
    list_seed: int

    @property
    def count(self) -> int:
        """Number of folds: 1 for a split by shares."""
        return int(self.fold.max()) + 1

    @property
    def scored(self) -> np.ndarray:
        """The numbers of the pairs that are scored."""
        return np.flatnonzero(self.fold >= 0)

    def only(self, rows: np.ndarray) -> "Split":
        """Return the split of the pairs in `(m,)` rows: what is left out changes no other pair's fold.

        Raises:
            UserError: nothing is left of a fold.
        """
        empty = set(self.fold.tolist()) - set(self.fold[rows].tolist())
        if empty:
            what = f"no pair of fold {max(empty)}" if max(empty) >= 0 else "no pair to train on"
            raise UserError(
                f"{what} has two images that can be read\nget them again, or make fewer folds: tlk folds --k"
            )
        return replace(self, fold=self.fold[rows])


def split_pairs(recipe: Recipe, folds: Folds, list_length: int) -> Split:
    """Return the folds as they are, or the split by shares that the recipe asks for, made of the same groups.

    It hangs on the folds and the shares alone, so that recipes with the same shares compare pair by pair.

    Raises:
        UserError: too few groups of pairs for a test part.
    """
    if recipe.split == "folds":
        return Split(folds.fold, folds.list_seed)
    test = split_groups(folds.group, recipe.shares[2] / 100, derive_seed(folds.list_seed, recipe.split))
    if test.all():
        raise UserError(f"split {recipe.split}: no pair is left to train on\nbring more pairs")
    if test.sum() < list_length:
        what = (
            f"split {recipe.split}: its test part has {test.sum()} pairs, but a list needs {list_length} right images"
        )
        raise UserError(f"{what}\ngive test a larger share, bring more pairs, or --set split=folds")
    return Split(np.where(test, 0, -1), zlib.crc32(f"{folds.list_seed} {recipe.split}".encode()))
