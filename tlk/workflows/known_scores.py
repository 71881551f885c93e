"""What a run's scores of known pairs say of the score of any pair: how usual it is among matches and among others.

All scores are in the units of `RunSpace`: the mean of the models' similarities, each in its deviations, scaled so that
cosines stay between −1 and 1.
"""

from dataclasses import dataclass

import numpy as np

from tlk.errors import damaged_run
from tlk.verification import best_threshold, judged
from tlk.workflows.blend import blended
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.pair_scores import Curve
from tlk.workflows.run import VERIFICATION, Run
from tlk.workflows.sampled_lists import SampledLists
from tlk.workflows.verify import fit_probability, quantiles


@dataclass(frozen=True)
class KnownScores:
    """`(q,)` quantiles of the scores of both kinds of pairs, the threshold between them, and the chance of a match.

    `accuracy` is the share of known pairs that are called what they are, at thresholds chosen on others.
    """

    matched: np.ndarray
    unmatched: np.ndarray
    threshold: float
    curve: Curve
    accuracy: float

    @classmethod
    def of(cls, run: Run) -> "KnownScores":
        """Return what the validation pairs of a collection say, or the pairs of a competition out-of-fold.

        Of a competition, the others are the foils of the sampled lists; the threshold and the chance are of as many
        unmatched pairs as matched ones. A score out-of-fold is one model's, where that of a new pair may be a mean of
        several, which errs less: what is told is rather too careful.

        Raises:
            UserError: a file of the run is missing or damaged.
        """
        return cls._of_lists(run) if run.verification() is None else cls._of_verification(run)

    @classmethod
    def _of_lists(cls, run: Run) -> "KnownScores":
        oof = out_of_fold(run)
        sampled = SampledLists.of(oof)
        scores = sampled.scores / _scales(run, sampled)[:, None]
        rows, length = np.arange(len(scores)), scores.shape[1]
        foil = np.ones(scores.shape, bool)
        foil[rows, sampled.truth] = False
        pairs = np.concatenate([scores[rows, sampled.truth], scores[rows, (sampled.truth + 1) % length]])
        match = np.repeat([True, False], len(rows))
        part = oof.fold if len(np.unique(oof.fold)) > 1 else rows % 2
        threshold = best_threshold(pairs, match)
        return cls(
            np.array(quantiles(scores[~foil])),
            np.array(quantiles(scores[foil])),
            threshold,
            Curve(**fit_probability(pairs, match, threshold)),
            _accuracy(pairs, match, np.tile(part, 2)),
        )

    @classmethod
    def _of_verification(cls, run: Run) -> "KnownScores":
        told, curve, file = run.verification() or {}, Curve.of(run), run.folder / VERIFICATION
        unit = 1.0 if run.blend() is None else unit_of(run)
        try:
            matched, unmatched = (
                np.array(told["quantiles"][kind], np.float64) / unit for kind in ("matched", "unmatched")
            )
            threshold, accuracy = float(told["threshold"]) / unit, float(told["pairs"]["all"]["accuracy"])
        except (KeyError, TypeError, ValueError) as error:
            raise damaged_run(run.folder, f"{file} has no quantiles of the scores of known pairs") from error
        if not (matched.size and unmatched.size and np.isfinite([*matched, *unmatched, threshold, accuracy]).all()):
            raise damaged_run(run.folder, f"{file} has no quantiles of the scores of known pairs")
        return cls(matched, unmatched, threshold, Curve(curve.slope * unit, curve.intercept, curve.share), accuracy)

    def percentiles(self, score: float) -> tuple[float, float]:
        """Return how many in a hundred known matches score below `score`, and how many in a hundred others."""
        one, two = (
            float(np.interp(score, own, np.linspace(0, 100, len(own)))) for own in (self.matched, self.unmatched)
        )
        return one, two


def out_of_fold(run: Run) -> OutOfFold:
    """Return what a run says of its pairs out-of-fold; an ensemble by its members' scores, not by places in lists."""
    oof, blend = run.out_of_fold(), run.blend()
    if blend is None:
        return oof
    members = [out_of_fold(run.member(member.run)) for member in blend.members]
    return blended(members, blend.model_copy(update={"kind": "log_odds"}))


def score_out_of_fold(run: Run, query: str, candidate: str) -> float | None:
    """Return the score of a left and a right image by the model that saw neither; None where there is no such model."""
    oof = out_of_fold(run)
    rows, columns = np.flatnonzero(oof.query_ids == query), np.flatnonzero(oof.gallery_ids == candidate)
    if len(rows) != 1 or len(columns) != 1 or oof.fold[rows[0]] != oof.fold[columns[0]]:
        return None
    score = oof.scorer.compare(oof.queries[rows, None], oof.gallery[columns, None])[0, 0]
    return float(score / _scales(run, SampledLists.of(oof))[rows[0]])


def unit_of(run: Run) -> float:
    """Return what the mean of a run's scores, in deviations, is divided by to be a mean of similarities."""
    blend = run.blend()
    if blend is not None:
        return sum(member.weight * unit_of(run.member(member.run)) for member in blend.members if member.weight)
    deviations = np.array(run.calibration().deviations)
    several = len(deviations) == len(run.models())
    return float((1 / deviations).mean() if several else 1 / deviations.mean())


def _scales(run: Run, sampled: SampledLists) -> np.ndarray:
    """Return the `(n,)` divisors of each pair's scores; the blend of an ensemble is in deviations already."""
    fold = np.unique(sampled.fold, return_inverse=True)[1]
    deviations = sampled.deviations() if run.blend() is None else np.ones(fold.max() + 1)
    return np.asarray(deviations[fold] * unit_of(run), np.float64)


def _accuracy(scores: np.ndarray, match: np.ndarray, part: np.ndarray) -> float:
    right = np.empty(len(scores))
    for number in np.unique(part):
        own = part == number
        right[own] = judged(scores[own], match[own], best_threshold(scores[~own], match[~own]))
    return float(right.mean())
