"""Similarities in blocks: never a matrix of everything against everything."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tlk.metrics import TIE

_BLOCK = 1024
_NUMBERS = 1 << 18  # they stay in the processor's cache

Comparison = Callable[[np.ndarray, np.ndarray], np.ndarray]


def cosine(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return the `(n, m)` cosines of `(n, d)` and `(m, d)` unit embeddings, larger = more alike.

    With an embedding of zeros, which has no direction, it is 0.
    """
    return np.asarray(queries @ gallery.T)


def paired_cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the `(…)` cosines of `(…, d)` unit embeddings that broadcast."""
    return np.asarray(np.einsum("...d,...d->...", first, second))


@dataclass(frozen=True)
class Scorer:
    """How alike two embeddings are, larger = more alike: by their cosine, or as a model has learned it.

    `similarity` takes `(n, d)` and `(m, d)` and gives `(n, m)`; `compare` takes `(…, d)` that broadcast.
    """

    by_list: ClassVar[bool] = False

    similarity: Comparison = cosine
    compare: Comparison = paired_cosine

    def reversed(self) -> "Scorer":
        """Return the scorer whose queries are this one's gallery."""
        return Scorer(lambda a, b: self.similarity(b, a).T, lambda a, b: self.compare(b, a))


@dataclass(frozen=True, kw_only=True)
class ListScorer(Scorer):
    """A scorer by places or deviations in a list: what a query says of an embedding hangs on the others in its row.

    So only whole rows tell anything, never a part of one or a single pair. `backward` makes the reversed scorer.
    """

    by_list: ClassVar[bool] = True

    backward: Callable[[], Scorer]

    def reversed(self) -> Scorer:
        """Return the scorer whose queries are this one's gallery, and whose lists are of what the queries were."""
        return self.backward()


COSINE = Scorer()


def list_similarities(
    queries: np.ndarray, gallery: np.ndarray, lists: np.ndarray, scorer: Scorer = COSINE, numbers: int = _NUMBERS
) -> np.ndarray:
    """Return the `(n, m)` similarities of `(n, d)` queries with their lists: `(n, m)` rows of the `(g, d)` gallery.

    No more than so many `numbers` of the candidates, or those of one list, are looked at together.
    """
    block = max(1, numbers // (lists.shape[1] * gallery.shape[1]))
    parts = [
        scorer.compare(queries[start : start + block, None], gallery[lists[start : start + block]])
        for start in range(0, len(queries), block)
    ]
    return np.concatenate(parts)


def count_beating(
    queries: np.ndarray, gallery: np.ndarray, scorer: Scorer = COSINE, block: tuple[int, int] = (_BLOCK, 8 * _BLOCK)
) -> np.ndarray:
    """Return for each of `(n, d)` queries how many other gallery rows score at least as high as its truth, row i.

    Scores closer than `TIE` are ties, and ties count against us: a collapsed embedding beats nothing. Memory is bounded
    by the block of queries and gallery rows, never by n × m; a scorer by lists gets fewer queries with whole rows.
    """
    if scorer.by_list:
        block = max(1, block[0] * block[1] // len(gallery)), len(gallery)
    beating = np.empty(len(queries), np.int64)
    for start in range(0, len(queries), block[0]):
        rows = np.arange(start, min(start + block[0], len(queries)))
        own = None if scorer.by_list else scorer.compare(queries[rows, None], gallery[rows, None])
        lower = np.zeros(len(rows), np.int64)
        for first in range(0, len(gallery), block[1]):
            part = gallery[first : first + block[1]]
            scores = scorer.similarity(queries[rows], part)
            truth = np.take_along_axis(scores, rows[:, None], axis=1) if own is None else own
            below = scores < truth - TIE  # NaN counts against us, too
            inside = (rows >= first) & (rows < first + len(part))
            below[inside, rows[inside] - first] = True  # the truth itself does not beat itself
            lower += below.sum(axis=1, dtype=np.int32)
        beating[rows] = len(gallery) - lower
    return beating
