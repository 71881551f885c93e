"""Scores of pairs, and the probabilities that they stand for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tlk.errors import UserError, damaged_run
from tlk.scoring.similarity import COSINE, Scorer
from tlk.workflows.run import VERIFICATION, Run

_NUMBERS = 1 << 16  # of each side that are compared together: they stay in the processor's cache
_LEARNED = 1 << 20  # the same where each comparison is a call of a network

Block = tuple[list[str], np.ndarray, np.ndarray]  # the index, and `(n,)` rows of both images, -1 for one that is absent


@dataclass(frozen=True)
class Curve:
    """How a score becomes a probability, and the share of matches, which stands where there is no score."""

    slope: float
    intercept: float
    share: float

    @classmethod
    def of(cls, run: Run) -> "Curve":
        """Return what a run's validation pairs have said.

        Raises:
            UserError: the run was not trained on a collection, or what it says is damaged.
        """
        told = run.verification()
        if told is None:
            raise UserError(f"run {run.name} was not trained on a collection\ntrain one: tlk train --data COLLECTION")
        found = told.get("probability")
        try:
            curve = cls(*(float(found[name]) for name in ("slope", "intercept", "share")))  # type: ignore[index]
        except (KeyError, TypeError, ValueError) as error:
            raise damaged_run(run.folder, f"{run.folder / VERIFICATION} has no probability") from error
        if not (0 < curve.slope < np.inf and np.isfinite(curve.intercept) and 0 <= curve.share <= 1):
            raise damaged_run(run.folder, f"{run.folder / VERIFICATION}: its probability does not rise with the score")
        return curve

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Return the `(n,)` float64 probabilities of scores; they rise with them."""
        return np.asarray(np.exp(-np.logaddexp(0, -(self.slope * scores.astype(np.float64) + self.intercept))))


def score_pairs(
    embeddings: np.ndarray, blocks: Iterable[Block], scorer: Scorer, curve: Curve
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Yield each block's index and `(n,)` probabilities, for blocks of rows of `(m, d)` embeddings.

    Raises:
        UserError: a score is not finite.
    """
    together = max(1, (_NUMBERS if scorer is COSINE else _LEARNED) // embeddings.shape[1])
    for index, first, second in blocks:
        there = np.flatnonzero((first >= 0) & (second >= 0))
        scores = np.empty(len(there))
        for at in range(0, len(there), together):
            part = there[at : at + together]
            scores[at : at + together] = scorer.compare(embeddings[first[part]], embeddings[second[part]])
        if not np.isfinite(scores).all():
            pair = index[there[np.flatnonzero(~np.isfinite(scores))[0]]]
            raise UserError(f"the score of pair {pair!r} is not finite\ntrain the run again")
        probability = np.full(len(index), curve.share)
        probability[there] = curve.probability(scores)
        yield index, probability
