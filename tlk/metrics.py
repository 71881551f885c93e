"""Accuracy of choices from lists, in exact and in sampled form, with intervals. Pure functions over arrays."""

import numpy as np

# Scores closer than this are ties: the same two vectors multiplied in another order differ by about as much.
TIE = 1e-6
_DRAWN = 1 << 15  # values of resamples at a time: quick, and in the cache of a processor
_ROUNDING = 4  # of the last digits of the largest score: a deviation of no more is none


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
    when it is at most `k - 1`. Where there are fewer others, a list holds all of them; without any, the truth is alone
    in it, and is found.
    """
    from scipy.stats import hypergeom  # half a second, which a prediction does not need

    drawn = np.minimum(length - 1, others)
    chances = hypergeom.cdf(k - 1, np.maximum(others, 1), beating, drawn)  # scipy knows no population of nobody
    return np.asarray(np.where(drawn > 0, chances, 1.0), np.float64)


def recall_at(beating: np.ndarray, k: int) -> float:
    """Return the share of queries whose truth is among the `k` highest of the whole gallery."""
    return float(np.mean(beating < k))


def rank_frequency(beating: np.ndarray) -> np.ndarray:
    """Return how many queries have their truth at rank 1, 2, … of the gallery, up to the last rank that occurs."""
    return np.bincount(beating)


def bootstrap_interval(values: np.ndarray, seed: int = 0, resamples: int = 2000) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of `(n,)` per-query values from 0 to 1.

    Where all values are equal, as a single one is, resampling cannot show the uncertainty: the exact binomial interval
    stands in, of as many successes as the values sum to, which is too wide rather than too narrow for values between.
    Source: Efron and Tibshirani, *An Introduction to the Bootstrap*; Clopper and Pearson, 1934.

    Raises:
        ValueError: no values.
    """
    if not len(values):
        raise ValueError("an interval of no values")
    if values.min() == values.max():
        from scipy.stats import beta

        hits = float(values.sum())
        misses = len(values) - hits
        low = float(beta.ppf(0.025, hits, misses + 1)) if hits else 0.0
        high = float(beta.ppf(0.975, hits + 1, misses)) if misses else 1.0
        return low, high
    return paired_interval(values, seed, resamples)


def paired_interval(differences: np.ndarray, seed: int = 0, resamples: int = 2000) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of `(n,)` differences of two runs, query by query.

    They lie from -1 to 1, and so does the interval of a single one, which says nothing of how queries differ.

    Raises:
        ValueError: no differences.
    """
    if not len(differences):
        raise ValueError("an interval of no differences")
    if len(differences) == 1:
        return -1.0, 1.0
    random = np.random.default_rng(seed)
    size = len(differences)
    block = max(1, _DRAWN // size)
    counts = [min(block, resamples - done) for done in range(0, resamples, block)]
    means = [differences[random.integers(size, size=(count, size))].mean(axis=1) for count in counts]
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def standardise(scores: np.ndarray) -> np.ndarray:
    """Return `(n, m)` scores with mean 0 and deviation 1 in each row, whatever their size, up to the largest floats.

    A row of equal scores, but for rounding, becomes zeros, and so does one with a score that is not finite.
    """
    largest = np.abs(scores).max(axis=1, keepdims=True, initial=0)
    known = np.isfinite(largest)
    # To below 1 first, by a power of two, which changes no digit: squares of 1e200 or 1e-200 are no numbers any more.
    exponent = np.frexp(np.where(known, largest, 0))[1]
    scaled = np.ldexp(np.where(known, scores, 0), -exponent)
    centred = scaled - scaled.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    uneven = deviation > _ROUNDING * np.finfo(deviation.dtype).eps
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=uneven))
