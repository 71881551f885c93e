"""Candidate lists for validation, built as the competition builds its own."""

import numpy as np

from tlk.errors import UserError
from tlk.seeding import generator


def build_lists(fold: np.ndarray, length: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Build one list for each pair: its truth at a random place among foils from its own fold's right images.

    No matrix of pairs × pairs is made.

    Args:
        fold: `(n,)` fold of each pair.
        length: candidates in a list.
        seed: belongs to the folds (`Folds.list_seed`), so that all runs on them see the same lists.

    Returns:
        `(n, length)` pair indices, whose right images are the candidates, and the `(n,)` position of the truth.

    Raises:
        UserError: a fold has fewer pairs than a list is long.
    """
    lists = np.empty((len(fold), length), np.int64)
    truth = np.empty(len(fold), np.int64)
    for number in np.unique(fold):
        members = np.flatnonzero(fold == number)
        if len(members) < length:
            fewer = ", or make fewer folds: tlk folds --k 2 --out F, then tlk train --folds F"
            raise UserError(
                f"fold {number} has {len(members)} pairs, but a list needs {length} different right images\n"
                f"bring more pairs{fewer if len(fold) >= 2 * length and fold.max() > 1 else ''}"
            )
        random = generator(seed, "lists", number)
        for own, pair in enumerate(members):
            foils = random.choice(len(members) - 1, length - 1, replace=False)
            foils += foils >= own  # skip the pair itself
            truth[pair] = random.integers(length)
            lists[pair] = np.insert(members[foils], truth[pair], pair)
    return lists, truth
