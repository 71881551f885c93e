"""Matched or not matched: how well scores of pairs tell the two apart. Pure functions over arrays."""

from collections.abc import Callable, Iterator

import numpy as np

from tlk.metrics import bootstrap_interval

RESAMPLES = 1000


def roc_auc(scores: np.ndarray, match: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the chance that a matched pair scores higher than an unmatched one, equal scores counting half.

    `scores`, larger = more alike, `match`, booleans, and `weight` are `(n,)`; NaN where there is no pair of one kind.
    A score that is NaN counts against us.
    """
    scores = _pessimistic(scores, match)
    order = np.argsort(scores, kind="stable")
    return _auc(scores[order], match[order], np.ones(len(order)) if weight is None else weight[order])


def best_threshold(scores: np.ndarray, match: np.ndarray) -> float:
    """Return the score above which pairs are best called matched: the mean of both kinds' accuracies is highest there.

    It lies in the middle between two scores that occur. `scores` and `match` are `(n,)`, of both kinds.
    """
    scores = _pessimistic(scores, match)
    finite = np.unique(scores[np.isfinite(scores)])
    if not len(finite):
        return 0.0
    cuts = np.concatenate([[finite[0] - 1], (finite[1:] + finite[:-1]) / 2, [finite[-1] + 1]])
    below = [
        np.searchsorted(np.sort(scores[kind]), cuts, side="right") / max(1, kind.sum()) for kind in (match, ~match)
    ]
    best = np.flatnonzero(below[1] - below[0] >= (below[1] - below[0]).max() - 1e-12)
    return float(cuts[best[len(best) // 2]])  # the middle one of equals


def judged(scores: np.ndarray, match: np.ndarray, threshold: float) -> np.ndarray:
    """Return `(n,)` 0 or 1: whether a pair is called what it is; matched is what scores above the threshold."""
    return np.asarray((_pessimistic(scores, match) > threshold) == match, np.float64)


def verification(scores: np.ndarray, match: np.ndarray, threshold: float, cluster: np.ndarray) -> dict[str, object]:
    """Return what `(n,)` scores of pairs say: accuracy at a threshold found elsewhere, and ROC AUC, with intervals.

    `cluster` says which pairs hang together, such as those of one artist: they are resampled together. `positive` and
    `negative` are the mean scores of both kinds; where a score is NaN only accuracy and area count it, against us.
    """
    right, values = judged(scores, match, threshold), _pessimistic(scores, match)
    ordered = np.argsort(values, kind="stable")
    values, kind = values[ordered], match[ordered]

    def auc(weight: np.ndarray) -> float:
        return _auc(values, kind, weight[ordered])

    return {
        "n": len(scores),
        "matched": int(match.sum()),
        "accuracy": float(right.mean()),
        "ci95": mean_interval(cluster, right),
        "auc": auc(np.ones(len(scores))),
        "auc_ci95": clustered_interval(cluster, auc),
        "positive": _mean(scores[match]),
        "negative": _mean(scores[~match]),
    }


def mean_interval(cluster: np.ndarray, values: np.ndarray) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean of `(n,)` values from 0 to 1, whole clusters resampled.

    Where all values are 0, or all are 1, the exact binomial interval of so many clusters stands in.
    """
    if values.min() == values.max() and values[0] in (0, 1):
        return bootstrap_interval(np.full(len(np.unique(cluster)), values[0]))
    return clustered_interval(cluster, lambda weight: float(np.average(values, weights=weight)))


def clustered_interval(cluster: np.ndarray, statistic: Callable[[np.ndarray], float]) -> tuple[float, float] | None:
    """Return the 95 % percentile bootstrap interval of a statistic of weights, whole clusters resampled.

    None for fewer than two clusters: one alone does not say how clusters differ. Of few clusters it is too narrow: on
    simulated means it held the truth in 51 of 100 cases with 2 of them, 79 with 4, 87 with 8, 90 with 20.
    """
    if len(np.unique(cluster)) < 2:
        return None
    values = np.array([statistic(weight) for weight in _weights(cluster)])
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _weights(cluster: np.ndarray) -> Iterator[np.ndarray]:
    _, member = np.unique(cluster, return_inverse=True)
    random, count = np.random.default_rng(0), int(member.max()) + 1
    for _ in range(RESAMPLES):
        drawn = np.bincount(random.integers(count, size=count), minlength=count)
        yield drawn[member].astype(np.float64)


def _auc(scores: np.ndarray, match: np.ndarray, weight: np.ndarray) -> float:
    """Return the area for scores in rising order: each matched pair's share of unmatched weight below it."""
    if not len(scores):
        return float("nan")
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    ours = np.add.reduceat(weight * match, starts)
    theirs = np.add.reduceat(weight * ~match, starts)
    total = ours.sum() * theirs.sum()
    below = np.cumsum(theirs) - theirs
    return float((ours * (below + theirs / 2)).sum() / total) if total else float("nan")


def _mean(scores: np.ndarray) -> float:
    known = scores[np.isfinite(scores)]
    return float(known.mean()) if len(known) else 0.0


def _pessimistic(scores: np.ndarray, match: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(scores), np.where(match, -np.inf, np.inf), scores)
