"""One-to-one assignment over the lists: every right image is the truth of one query, and that says much.

The lists form a sparse graph of queries and right images. A matching takes each query's true candidate, no right image
twice; its weight is the product of exp(score / temperature) along it. The chance of an edge to be in a matching is its
marginal, and belief propagation finds those: exactly on trees, closely on graphs as sparse as lists are.

Source: Huang and Jebara, *Approximating the Permanent with Belief Propagation*, 2009.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from tlk.metrics import TIE

ABSENT = -1  # in lists of unequal length: no candidate here
_ROUNDS = 200
_NUMBERS = 1 << 15  # of edges looked at together: they stay in the processor's cache
_ENOUGH = 1e-4  # largest change of a marginal at which the messages have settled
_LEAST = -60.0  # of an edge's log weight below its list's best: less would be nothing in float64
_TEMPERATURES = 0.05, 5.0
_FLOOR = 1e-12  # of a sum: what is left of it without one of its terms, at least


def is_one_to_one(lists: np.ndarray) -> bool:
    """Return whether `(n, m)` lists can be those of a matching: as many right images as queries, each in several lists.

    And at least one assignment of all of them must be there. The lists are rows of a gallery; `ABSENT` where a list is
    shorter. No lists at all are none of a matching.
    """
    there = lists != ABSENT
    if not there.any():
        return False
    times = np.bincount(lists[there])
    if (times > 0).sum() != len(lists) or times[times > 0].mean() < 2:
        return False
    ones = np.ones(there.sum(), np.int8)
    graph = csr_array((ones, lists[there], np.cumsum([0, *there.sum(axis=1)])), (len(lists), len(times)))
    return bool((maximum_bipartite_matching(graph, perm_type="column") >= 0).all())


def match(scores: np.ndarray, lists: np.ndarray, temperature: float) -> np.ndarray:
    """Return `(n, m)` log chances that candidate j is query i's in a one-to-one assignment; -inf where it is `ABSENT`.

    Where the gallery has more images than there are queries, some are nobody's. Equal scores stay equal wherever the
    graph gives no reason to prefer one. A score that is not finite is as unlikely as a score can be, and has no say in
    what the others mean; a list of nothing else is one of equal scores.

    Args:
        scores: `(n, m)`, larger = more alike.
        lists: `(n, m)` gallery rows of the candidates, at least one in a list and none twice, or `ABSENT`.
        temperature: what a difference of scores counts, in deviations: small trusts them, large trusts the graph.
    """
    there = lists != ABSENT
    used = np.bincount(lists[there]) > 0
    count = int(used.sum())
    right = np.where(there, (np.cumsum(used) - 1)[lists], count)  # what is absent leads to one more, which has no say
    logits = in_deviations(scores, there) / temperature
    best = logits.max(axis=1, keepdims=True)
    weights = np.exp(np.maximum(logits - np.where(best > -np.inf, best, 0), _LEAST))
    weights[~there] = 0
    spare = float(count > len(scores))  # the weight of a right image that is nobody's
    to_query, to_right = np.ones(scores.shape), np.empty(scores.shape)  # messages
    chances = weights / weights.sum(axis=1, keepdims=True)
    step = max(1, _NUMBERS // scores.shape[1])
    blocks = [slice(start, start + step) for start in range(0, len(scores), step)]
    for _ in range(_ROUNDS):
        for own in blocks:
            incoming = weights[own] * to_query[own]
            to_right[own] = weights[own] / _without(incoming, incoming.sum(axis=1, keepdims=True))
        sums = np.bincount(right.ravel(), to_right.ravel(), count + 1)
        sums[count] = 1
        change = 0.0
        for own in blocks:
            fresh = 1 / (spare + _without(to_right[own], sums[right[own]]))
            to_query[own] = np.sqrt(to_query[own] * fresh)  # halfway: the messages would swing otherwise
            now = weights[own] * to_query[own]
            now /= now.sum(axis=1, keepdims=True)
            change = max(change, float(np.abs(now - chances[own]).max()))
            chances[own] = now
        if change < _ENOUGH:
            break
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(chances))  # -inf where nothing is there


def fit_temperature(cases: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float:
    """Return the temperature at which the true candidates of `cases` are most likely.

    A case is `(n, m)` scores, `(n, m)` lists and the `(n,)` positions of the truths; its lists make a matching of their
    own. What is scored with the temperature must not be among them. Scores that say nothing, or the contrary, have a
    temperature near the largest, which trusts the graph; perfect ones one near the smallest.
    """

    from scipy.optimize import minimize_scalar  # a third of a second, which a prediction does not need

    def loss(log_temperature: float) -> float:
        chances = [
            np.take_along_axis(match(scores, lists, np.exp(log_temperature)), truth[:, None], axis=1)
            for scores, lists, truth in cases
        ]
        return -float(np.concatenate(chances).mean())

    return float(
        np.exp(minimize_scalar(loss, bounds=np.log(_TEMPERATURES), method="bounded", options={"xatol": 0.02}).x)
    )


def match_folds(scores: np.ndarray, lists: np.ndarray, truth: np.ndarray, fold: np.ndarray) -> np.ndarray | None:
    """Return `(n, m)` log chances, each fold's lists matched at the temperature that the other folds deserve.

    None where there is one fold alone: no temperature could be fitted without looking at what is scored.

    Args:
        scores: `(n, m)`, larger = more alike.
        lists: `(n, m)` pairs, whose right images are the candidates, all of the query's own fold.
        truth: `(n,)` positions of the true candidates.
        fold: `(n,)` fold of each pair.
    """
    folds = np.unique(fold)
    if len(folds) < 2:
        return None
    chances = np.empty(scores.shape)
    for number in folds:
        own = fold == number
        cases = [(scores[fold == f], lists[fold == f], truth[fold == f]) for f in folds if f != number]
        chances[own] = match(scores[own], lists[own], fit_temperature(cases))
    return chances


def in_deviations(scores: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return scores less their list's mean, over the deviation of all of them; -inf where nothing is `there`.

    One scale for all queries, which a query's own deviation would not be: some lists are easier than others. Where all
    are ties it is 1. Scores that are not finite count as not there.
    """
    there = there & np.isfinite(scores)
    known = np.where(there, scores, 0).astype(np.float64)
    centred = known - known.sum(axis=1, keepdims=True) / np.maximum(1, there.sum(axis=1, keepdims=True))
    deviation = np.sqrt((centred[there] ** 2).mean()) if there.any() else 0.0
    return np.asarray(np.where(there, centred / (deviation if deviation > TIE else 1), -np.inf))


def _without(values: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return what is left of the sums without each of the values in them."""
    return np.asarray(np.maximum(sums - values, _FLOOR * sums))
