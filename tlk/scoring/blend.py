"""Blending: the scores of several models in forms that can be added, each with a weight."""

import numpy as np

from tlk.metrics import TIE, standardise
from tlk.recipe_schema import Blending


def features(kind: Blending, scores: np.ndarray) -> np.ndarray:
    """Return `(…, m)` scores of lists in a form that can be added to other members': larger = more alike.

    `log_odds` takes the scores, which are in deviations of the model's, one for all lists, so that a list in which
    nothing stands out stays one; `z_score` takes each list's own deviation, `rank` the places in it, from −1 to 1.
    """
    if kind == "log_odds":
        return scores
    if kind == "z_score":
        return standardise(scores)
    from scipy.stats import rankdata  # scipy takes half a second, which a prediction does not need

    places = rankdata(scores, axis=-1)
    return np.asarray((2 * places - scores.shape[-1] - 1) / max(1, scores.shape[-1] - 1))


def deviation_of(scores: np.ndarray) -> float:
    """Return the deviation of `(n, m)` scores less their list's mean; 1 where all are ties: rounding is no scale."""
    centred = scores - scores.mean(axis=1, keepdims=True, dtype=np.float64)
    deviation = float(np.sqrt((centred**2).mean()))
    return deviation if deviation > TIE else 1.0
