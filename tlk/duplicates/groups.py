"""From duplicate pairs to groups: whatever a chain of duplicates joins belongs together."""

import numpy as np
from scipy import sparse

from tlk.duplicates.pairs import DuplicatePairs


def group_duplicates(count: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return `(count,)` int labels of the connected components, numbered 0, 1, … by first appearance.

    Args:
        count: how many things there are.
        first: `(m,)` positions.
        second: `(m,)` positions that belong with them.

    Raises:
        ValueError: a position outside 0 … count − 1, or arrays of different lengths.
    """
    first, second = np.asarray(first, np.int64), np.asarray(second, np.int64)
    both = np.concatenate([first, second])
    if len(first) != len(second):
        raise ValueError(f"{len(first)} first positions but {len(second)} second ones")
    if len(both) and not 0 <= both.min() <= both.max() < count:
        raise ValueError(f"positions reach from {both.min()} to {both.max()}, outside 0 to {count - 1}")
    if not count:
        return np.empty(0, np.int64)
    links = sparse.coo_array((np.ones(len(first), np.int8), (first, second)), (count, count))
    _, labels = sparse.csgraph.connected_components(links.tocsr(), directed=False)
    _, appearance, position = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(appearance))[position], np.int64)


def group_pairs(lefts: np.ndarray, rights: np.ndarray, duplicates: DuplicatePairs) -> np.ndarray:
    """Return `(n,)` int labels of labelled pairs: one group where any of their images are duplicates of each other.

    Args:
        lefts: `(n,)` positions of the left images, as `duplicates` counts them.
        rights: `(n,)` positions of the right images.
        duplicates: among these images, and perhaps others.
    """
    lefts, rights = np.asarray(lefts, np.int64), np.asarray(rights, np.int64)
    everything = np.concatenate([lefts, rights, duplicates.first, duplicates.second])
    images = int(everything.max(initial=-1)) + 1
    labels = group_duplicates(
        images, np.concatenate([lefts, duplicates.first]), np.concatenate([rights, duplicates.second])
    )
    _, appearance, position = np.unique(labels[lefts], return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(appearance))[position], np.int64)
