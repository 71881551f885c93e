"""What is found among all images of a gallery: recall and precision at k, where many images may be relevant."""

from typing import Any

import numpy as np

from tlk.metrics import TIE
from tlk.scoring.similarity import COSINE, Scorer
from tlk.verification import mean_interval

KS = (1, 5, 10)
_BLOCK = 512  # queries


def retrieve(
    embeddings: np.ndarray, label: np.ndarray, apart: np.ndarray, scorer: Scorer = COSINE
) -> dict[str, Any] | None:
    """Return recall and precision at k of every image's search among the others, with intervals and what chance gives.

    Recall at k is the share of queries with a relevant image among their k nearest; precision at k the share of these
    that is relevant. Ties count against us. None where no image has a relevant other.

    Args:
        embeddings: `(n, d)`.
        label: `(n,)`, -1 for none; images of one label are relevant to each other. Labels are resampled as a whole.
        apart: `(n,)`; images of one group, such as near-duplicates, are left out of each other's gallery.
        scorer: how embeddings compare.
    """
    queries = _with_relevant(label, apart)
    if not len(queries):
        return None
    found = [
        _hits(embeddings, label, apart, scorer, queries[at : at + _BLOCK]) for at in range(0, len(queries), _BLOCK)
    ]
    hits, relevant, others = (np.concatenate(column) for column in zip(*found, strict=True))
    ks = [k for k in KS if k <= others.min()]
    row: dict[str, Any] = {"queries": len(queries), "gallery": len(embeddings), "recall": {}, "precision": {}}
    row |= {"recall_ci95": {}, "precision_ci95": {}, "chance": {}}
    for k in ks:
        for name, values in (("recall", hits[:, :k].max(axis=1)), ("precision", hits[:, :k].mean(axis=1))):
            row[name][str(k)] = float(values.mean())
            row[f"{name}_ci95"][str(k)] = mean_interval(label[queries], values)
        row["chance"][str(k)] = _chance(relevant, others, k)
    return row


def _with_relevant(label: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Return the images that share their label with one of another group."""
    pairs, first = np.unique(np.column_stack([label, apart]), axis=0, return_inverse=True)
    _, member, groups = np.unique(pairs[:, 0], return_inverse=True, return_counts=True)
    return np.flatnonzero((label >= 0) & (groups[member][first.ravel()] > 1))  # numpy 2.0 gives a column


def _hits(
    embeddings: np.ndarray, label: np.ndarray, apart: np.ndarray, scorer: Scorer, queries: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which of each query's nearest are relevant, and how many relevant and other images its gallery has."""
    scores = scorer.similarity(embeddings[queries], embeddings).astype(np.float64)
    allowed = apart[queries, None] != apart[None]
    relevant = (label[queries, None] == label[None]) & allowed
    unknown = np.isnan(scores)  # counts against us: it comes first, and is not what was sought
    distances = np.negative(scores, out=scores)  # in place: the block is large
    np.add(distances, TIE, out=distances, where=relevant)
    np.copyto(distances, -np.inf, where=unknown)
    np.copyto(distances, np.inf, where=~allowed)
    most = min(max(KS), distances.shape[1] - 1)
    nearest = np.argpartition(distances, most, axis=1)[:, :most]
    order = np.argsort(np.take_along_axis(distances, nearest, axis=1), axis=1, kind="stable")
    nearest = np.take_along_axis(nearest, order, axis=1)
    hits = np.zeros((len(queries), max(KS)))
    hits[:, :most] = np.take_along_axis(relevant & ~unknown, nearest, axis=1)
    return hits, relevant.sum(axis=1), allowed.sum(axis=1)


def _chance(relevant: np.ndarray, others: np.ndarray, k: int) -> dict[str, float]:
    from scipy.stats import hypergeom

    return {
        "recall": float((1 - hypergeom.pmf(0, others, relevant, k)).mean()),
        "precision": float((relevant / others).mean()),
    }
