"""Cosine similarity in blocks: never a matrix of everything against everything."""

import numpy as np

from tlk.metrics import TIE

_BLOCK = 1024


def cosine(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return the `(n, m)` cosines of `(n, d)` and `(m, d)` unit embeddings, larger = more alike."""
    return np.asarray(queries @ gallery.T)


def list_similarities(queries: np.ndarray, gallery: np.ndarray, lists: np.ndarray, block: int = _BLOCK) -> np.ndarray:
    """Return the `(n, m)` cosines of each of `(n, d)` queries with its own list: `(n, m)` rows of `(g, d)` gallery."""
    parts = [
        np.einsum("nd,nmd->nm", queries[start : start + block], gallery[lists[start : start + block]])
        for start in range(0, len(queries), block)
    ]
    return np.concatenate(parts)


def count_beating(queries: np.ndarray, gallery: np.ndarray, block: int = _BLOCK) -> np.ndarray:
    """Return for each of `(n, d)` queries how many other gallery rows score at least as high as its truth, row i.

    Scores closer than `TIE` are ties, and ties count against us: a collapsed embedding beats nothing.
    """
    beating = np.empty(len(queries), np.int64)
    own = np.einsum("nd,nd->n", queries, gallery)
    for start in range(0, len(queries), block):
        rows = slice(start, start + block)
        scores = cosine(queries[rows], gallery)
        at_least = ~(scores < own[rows, None] - TIE)  # NaN counts against us, too
        at_least[np.arange(len(scores)), np.arange(start, start + len(scores))] = False
        beating[rows] = at_least.sum(axis=1)
    return beating
