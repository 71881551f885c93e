"""How the members of an ensemble are blended: what ensemble.json holds, and the blended scores out-of-fold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from tlk.recipe_schema import RUN_NAME, Blending, Weighting
from tlk.registry import Parameters
from tlk.scoring.blend import features
from tlk.scoring.similarity import ListScorer, Scorer
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.sampled_lists import SampledLists

_Add = Callable[[Sequence[np.ndarray], np.ndarray], np.ndarray]


class BlendedMember(Parameters):
    """A member's weights: for new lists, and for those of each fold, fitted on the other folds alone."""

    run: str = Field(pattern=RUN_NAME)
    weight: float = Field(ge=0, allow_inf_nan=False)
    fold_weights: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = Field(min_length=1)


class Blend(Parameters):
    """The members whose weight is not 0 everywhere, and how their scores are added."""

    kind: Blending
    weighting: Weighting
    members: tuple[BlendedMember, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _as_many_folds(self) -> "Blend":
        if len({len(member.fold_weights) for member in self.members}) > 1:
            raise ValueError("fold_weights: as many for each member as there are folds")
        return self


@dataclass(frozen=True)
class _Blended(OutOfFold):
    """Pairs by number; their similarity is the members' weighted sum, each fold with its own weights."""

    blend: Scorer

    @property
    def scorer(self) -> Scorer:
        return self.blend


@dataclass(frozen=True)
class _Sides:
    """How a member compares the queries and the gallery images of pairs: its `(n, d)` embeddings of both."""

    scorer: Scorer
    queries: np.ndarray
    gallery: np.ndarray

    def reversed(self) -> "_Sides":
        return _Sides(self.scorer.reversed(), self.gallery, self.queries)


def blended(members: Sequence[OutOfFold], blend: Blend) -> OutOfFold:
    """Return the out-of-fold scores of the blend of members that score the same pairs in the same folds."""
    deviations = [SampledLists.of(member).deviations() for member in members]
    weights = np.array([member.fold_weights for member in blend.members])
    return with_weights(members, deviations, weights, blend.kind)


def with_weights(
    members: Sequence[OutOfFold], deviations: Sequence[np.ndarray], weights: np.ndarray, kind: Blending
) -> OutOfFold:
    """Return the out-of-fold scores of members, each with `(f,)` deviations, under `(k, f)` weights: one a fold."""
    first = members[0]
    fold = np.unique(first.fold, return_inverse=True)[1]

    def add(parts: Sequence[np.ndarray], own: np.ndarray) -> np.ndarray:
        """Return the weighted sum of the `(b, m)` scores of queries in folds `own`, `(b,)`."""
        rows = zip(parts, weights, deviations, strict=True)
        return np.asarray(sum(w[own, None] * features(kind, s / d[own, None]) for s, w, d in rows))

    numbers = np.arange(len(fold))[:, None]
    return _Blended(
        first.query_ids,
        first.gallery_ids,
        first.fold,
        numbers,
        numbers,
        np.empty(0, np.float32),
        first.list_seed,
        first.list_length,
        _adding(add, [_Sides(m.scorer, m.queries, m.gallery) for m in members], fold, kind),
    )


def _adding(add: _Add, members: Sequence[_Sides], fold: np.ndarray, kind: Blending) -> Scorer:
    """Return the scorer of pairs by number, each in its `fold`, that adds up what the members say."""

    def similarity(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        one, two = queries[:, 0], gallery[:, 0]
        return add([m.scorer.similarity(m.queries[one], m.gallery[two]) for m in members], fold[one])

    def compare(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        one, two = queries[..., 0], gallery[..., 0]
        return add([m.scorer.compare(m.queries[one], m.gallery[two]) for m in members], fold[one[:, 0]])

    if kind == "log_odds" and not any(m.scorer.by_list for m in members):
        return Scorer(similarity, compare)
    return ListScorer(similarity, compare, backward=lambda: _adding(add, [m.reversed() for m in members], fold, kind))
