"""Accuracy of choices from lists, in exact and in sampled form, with intervals. Pure functions over arrays."""

import numpy as np

# Scores closer than this are ties: the same two vectors multiplied in another order differ by about as much.
TIE = 1e-6


def list_ranks(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the `(n,)` rank, from 1, of the truth in each list; ties, within `TIE`, count against us, and so does NaN.

    `scores` is `(n, m)`, larger = more alike; `truth` is the `(n,)` position of the true candidate.
    """
    own = np.take_along_axis(scores, truth[:, None], axis=1)
    return np.asarray((~(scores < own - TIE)).sum(axis=1), np.int64)


def top_k(ranks: np.ndarray, k: int) -> np.ndarray:
    """Return `(n,)` 0 or 1: whether the truth is among the `k` highest."""
    return (ranks <= k).astype(np.float64)


def expected_top_k(beating: np.ndarray, others: np.ndarray | int, length: int, k: int) -> np.ndarray:
    """Return the `(n,)` chance that the truth is among the `k` highest of a random list: exact, no foil noise.

    `beating` of the `others` images in the gallery score at least as high as the truth. A list draws `length - 1` of
    the others, so the number among them that beat the truth is hypergeometric, and the truth is among the `k` highest
    when it is at most `k - 1`.
    """
    from scipy.stats import hypergeom  # half a second, which a prediction does not need

    return np.asarray(hypergeom.cdf(k - 1, others, beating, length - 1), np.float64)


def recall_at(beating: np.ndarray, k: int) -> float:
    """Return the share of queries whose truth is among the `k` highest of the whole gallery."""
    return float(np.mean(beating < k))


def rank_frequency(beating: np.ndarray) -> np.ndarray:
    """Return how many queries have their truth at rank 1, 2, … of the gallery, up to the last rank that occurs."""
    return np.bincount(beating)


def bootstrap_interval(values: np.ndarray, seed: int = 0, resamples: int = 2000) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of `(n,)` per-query values from 0 to 1.

    Where all values are 0, or all are 1, resampling cannot show the uncertainty: the exact binomial interval stands in.
    Source: Efron and Tibshirani, *An Introduction to the Bootstrap*; Clopper and Pearson, 1934.
    """
    if values.min() == values.max() and values[0] in (0, 1):
        from scipy.stats import binomtest

        exact = binomtest(int(values.sum()), len(values)).proportion_ci(method="exact")
        return float(exact.low), float(exact.high)
    return paired_interval(values, seed, resamples)


def paired_interval(differences: np.ndarray, seed: int = 0, resamples: int = 2000) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of `(n,)` differences of two runs, query by query."""
    random = np.random.default_rng(seed)
    size = len(differences)
    means = [differences[random.integers(size, size=size)].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def standardise(scores: np.ndarray) -> np.ndarray:
    """Return `(n, m)` scores with mean 0 and deviation 1 in each row; a row of equal scores becomes zeros."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0))
