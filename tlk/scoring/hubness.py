"""Hubness: some images look like everything; what they score is set against what they score elsewhere.

Both corrections look at all queries and the whole gallery at once (transductive), in blocks. Sources: Conneau et al.,
*Word Translation Without Parallel Data*, 2018 (CSLS); Smith et al., *Offline Bilingual Word Vectors*, 2017 (inverted
softmax).
"""

import numpy as np
from scipy.special import logsumexp

from tlk.scoring.similarity import COSINE, Scorer, list_similarities

_BLOCK = 1024


def csls(
    queries: np.ndarray, gallery: np.ndarray, lists: np.ndarray, neighbours: int = 10, scorer: Scorer = COSINE
) -> np.ndarray:
    """Return `(n, m)` similarities with the mean similarity to the nearest `neighbours` of either side taken off.

    `queries` is `(n, d)`, `gallery` `(g, d)`, `lists` `(n, m)` rows of the gallery.
    """
    own = _nearest_mean(queries, gallery, neighbours, scorer)
    theirs = _nearest_mean(gallery, queries, neighbours, scorer.reversed())
    return np.asarray(2 * list_similarities(queries, gallery, lists, scorer) - own[:, None] - theirs[lists])


def inverted_softmax(
    queries: np.ndarray, gallery: np.ndarray, lists: np.ndarray, temperature: float, scorer: Scorer = COSINE
) -> np.ndarray:
    """Return `(n, m)` log chances of the query among all queries, seen from each candidate.

    `queries` is `(n, d)`, `gallery` `(g, d)`, `lists` `(n, m)` rows of the gallery.
    """
    backwards = scorer.reversed()
    totals = [
        logsumexp(backwards.similarity(gallery[start : start + _BLOCK], queries) / temperature, axis=1)
        for start in range(0, len(gallery), _BLOCK)
    ]
    return np.asarray(list_similarities(queries, gallery, lists, scorer) / temperature - np.concatenate(totals)[lists])


def _nearest_mean(rows: np.ndarray, others: np.ndarray, neighbours: int, scorer: Scorer) -> np.ndarray:
    """Return the `(n,)` mean similarity of each row to its nearest others."""
    count = min(neighbours, len(others))
    means = [
        np.partition(scorer.similarity(rows[start : start + _BLOCK], others), -count, axis=1)[:, -count:].mean(axis=1)
        for start in range(0, len(rows), _BLOCK)
    ]
    return np.concatenate(means)
