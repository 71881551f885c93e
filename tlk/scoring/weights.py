"""The weights of a blend: fitted so that they hold on lists that they have not seen.

A list's true candidate is the choice that a conditional logit explains: its chance grows with exp(the weighted sum of
the members' scores). The weights, none below 0, are those under which the true candidates are most likely; a weight
times a score is then the member's log-odds.

Source: McFadden, *Conditional Logit Analysis of Qualitative Choice Behavior*, 1974; Caruana et al., *Ensemble Selection
from Libraries of Models*, 2004, for dropping members.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from tlk.recipe_schema import Blending, Weighting

_NOTHING = 1e-9  # what the search leaves of a weight that is 0
_RIDGE = 1e-3  # on the weights: two members that say the same share what is theirs


def fit_weights(
    parts: np.ndarray, truth: np.ndarray, fold: np.ndarray, kind: Blending, weighting: Weighting
) -> np.ndarray:
    """Return the `(k,)` weights of k members; 0 for those that are better left out.

    With `equal` weights all members have the same say: in log-odds, each calibrated by itself. A member whose scores
    are all alike has 0 wherever weights are fitted.

    Args:
        parts: `(k, n, m)` features of the members' scores.
        truth: `(n,)` positions of the true candidates.
        fold: `(n,)` fold of each list: what a member brings is judged on lists that the weights were not fitted on.
        kind: of the features.
        weighting: fitted or equal.
    """
    if weighting == "equal" and kind == "log_odds":
        return np.array([most_likely(part[None], truth)[0] for part in parts]) / len(parts)
    if weighting == "equal" or len(np.unique(fold)) < 2:
        return np.full(len(parts), 1 / len(parts))
    weights = np.zeros(len(parts))
    kept = _helpful(parts, truth, fold)
    weights[kept] = most_likely(parts[kept], truth)
    return weights


def fit_folds(
    parts: np.ndarray, truth: np.ndarray, fold: np.ndarray, kind: Blending, weighting: Weighting
) -> np.ndarray:
    """Return the `(f, k)` weights for the lists of each of f folds, fitted on the other folds alone.

    Of a single fold nothing can be fitted without looking at what is scored: its members weigh alike. So they do where
    the other folds leave none: nothing is then known of them, and scores that are all alike would be worse than chance.
    """
    folds = np.unique(fold)
    alike = np.full(len(parts), 1 / len(parts))
    if len(folds) < 2:
        return alike[None]
    others = [fold != number for number in folds]
    fitted = [fit_weights(parts[:, own], truth[own], fold[own], kind, weighting) for own in others]
    return np.array([weights if weights.any() else alike for weights in fitted])


def most_likely(parts: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the `(k,)` weights, none below 0, under which the `(n,)` truths are most likely.

    A member whose scores are all alike, or point the wrong way, has 0; of one that is always right the ridge keeps it
    finite.

    Raises:
        ValueError: a score is not finite.
    """
    if not np.isfinite(parts).all():
        raise ValueError("a blend takes finite scores")
    rows = np.arange(len(truth))
    own = parts[:, rows, truth].mean(axis=1)  # (k,)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = np.tensordot(weights, parts, axes=1)  # (n, m)
        value = -log_softmax(logits, axis=1)[rows, truth].mean() + _RIDGE * weights @ weights
        expected = np.einsum("knm,nm->k", parts, softmax(logits, axis=1)) / len(truth)
        return float(value), expected - own + 2 * _RIDGE * weights

    start = np.full(len(parts), 1 / len(parts))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(parts)).x
    return np.where(found > _NOTHING, found, 0.0)


def _helpful(parts: np.ndarray, truth: np.ndarray, fold: np.ndarray) -> list[int]:
    """Return the members that are left when the least are dropped as long as held-out lists get no less likely."""
    kept = list(range(len(parts)))
    best = _held_out_loss(parts, truth, fold)
    while len(kept) > 1:
        weights = most_likely(parts[kept], truth)
        fewer = [member for member, weight in zip(kept, weights, strict=True) if weight > weights.min()]
        loss = _held_out_loss(parts[fewer], truth, fold) if fewer else np.inf
        if loss > best:
            break
        best, kept = loss, fewer
    return kept


def _held_out_loss(parts: np.ndarray, truth: np.ndarray, fold: np.ndarray) -> float:
    """Return the mean negative log-likelihood of each fold's truths under weights fitted on the other folds."""
    losses = np.empty(len(truth))
    for number in np.unique(fold):
        own = fold == number
        weights = most_likely(parts[:, ~own], truth[~own])
        logits = np.tensordot(weights, parts[:, own], axes=1)
        losses[own] = -log_softmax(logits, axis=1)[np.arange(own.sum()), truth[own]]
    return float(losses.mean())
