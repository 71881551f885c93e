"""The best of a long row of scores that comes in blocks: exact, and without torch."""

from collections.abc import Iterable

import numpy as np


def best_of_blocks(blocks: Iterable[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the `(n, k)` columns with the highest scores, highest first, and these `(n, k)` scores.

    Ties go to the smaller column. What is not finite comes last, as -inf.

    Args:
        blocks: `(n, c)` scores, larger = more alike, of the first c columns, then of the next; k columns at least.
        k: how many of each row.
    """
    start = 0
    best, columns = np.empty((0, 0)), np.empty((0, 0), np.int64)
    for block in blocks:
        scores = np.where(np.isfinite(block), block, -np.inf)
        here = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
        merged = np.concatenate([best, scores], axis=1) if start else scores
        places = np.concatenate([columns, here], axis=1) if start else here
        chosen = _highest(merged, k)
        best, columns = np.take_along_axis(merged, chosen, 1), np.take_along_axis(places, chosen, 1)
        start += scores.shape[1]
    return columns, best


def _highest(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the `(n, k)` columns of the k highest of each row, highest first, of equals the first one first."""
    if scores.shape[1] <= k:
        return np.argsort(-scores, axis=1, kind="stable")
    border = np.partition(scores, -k, axis=1)[:, -k]
    found = np.empty((len(scores), k), np.int64)
    for row, own in enumerate(scores):
        passing = np.flatnonzero(own >= border[row])  # more than k where there are ties at the border
        found[row] = passing[np.argsort(-own[passing], kind="stable")[:k]]
    return found
