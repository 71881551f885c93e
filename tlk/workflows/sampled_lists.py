"""The seeded candidate lists of a run's folds, scored."""

from dataclasses import dataclass

import numpy as np

from tlk.data.candidates import build_lists
from tlk.metrics import list_ranks
from tlk.scoring.blend import deviation_of
from tlk.scoring.matching import fit_temperature, match_folds
from tlk.scoring.similarity import list_similarities
from tlk.workflows.out_of_fold import OutOfFold


@dataclass(frozen=True)
class SampledLists:
    """The seeded lists of a run: `(n, m)` scores and pairs, the `(n,)` positions of the truths, the `(n,)` folds."""

    scores: np.ndarray
    lists: np.ndarray
    truth: np.ndarray
    fold: np.ndarray

    @classmethod
    def of(cls, oof: OutOfFold) -> "SampledLists":
        """Score the lists that belong to the run's folds."""
        lists, truth = build_lists(oof.fold, oof.list_length, oof.list_seed)
        return cls(list_similarities(oof.queries, oof.gallery, lists, oof.scorer), lists, truth, oof.fold)

    def deviations(self) -> np.ndarray:
        """Return the `(f,)` deviations of each fold's scores less their list's mean: the scale of its model."""
        return np.array([deviation_of(self.scores[self.fold == number]) for number in np.unique(self.fold)])

    def in_deviations(self) -> np.ndarray:
        """Return the `(n, m)` scores over the deviation of the model that made them."""
        return np.asarray(self.scores / self.deviations()[np.unique(self.fold, return_inverse=True)[1], None])

    def matched_ranks(self) -> np.ndarray | None:
        """Return the `(n,)` ranks of the truths after a matching of each fold's lists; None where there is one fold."""
        chances = match_folds(self.scores, self.lists, self.truth, self.fold)
        return None if chances is None else list_ranks(chances, self.truth)

    def temperature(self) -> float:
        """Return the temperature of a matching that all the folds deserve, for lists that are not among them."""
        folds = [self.fold == number for number in np.unique(self.fold)]
        return fit_temperature([(self.scores[own], self.lists[own], self.truth[own]) for own in folds])
