"""What a blend of members is expected to find, against loops over whole rows and over many random lists."""

import numpy as np
import pytest
from scipy.stats import rankdata

from tlk.constants import PICKS
from tlk.metrics import TIE
from tlk.recipe_schema import Blending
from tlk.scoring.similarity import ListScorer, Scorer, count_beating
from tlk.workflows.blend import with_weights
from tlk.workflows.evaluate import fold_ranks, outcomes
from tlk.workflows.out_of_fold import OutOfFold

COUNT, FOLDS, LENGTH, DRAWS = 60, 2, 20, 4000
DEVIATIONS = [np.array([0.3, 0.4]), np.array([2.0, 1.0])]
WEIGHTS = np.array([[0.7, 0.5], [0.3, 0.5]])  # (members, folds)
KINDS: tuple[Blending, ...] = ("log_odds", "z_score", "rank")


def member(seed: int) -> OutOfFold:
    random = np.random.default_rng(seed)
    queries = random.normal(size=(COUNT, 6))
    gallery = queries + random.normal(size=(COUNT, 6))
    queries, gallery = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (queries, gallery))
    ids = np.array([f"id{n}" for n in range(COUNT)])
    return OutOfFold(ids, ids, np.arange(COUNT) % FOLDS, queries, gallery, np.empty(0, np.float32), 5, LENGTH)


MEMBERS = [member(0), member(1)]


def blend(kind: Blending) -> OutOfFold:
    return with_weights(MEMBERS, DEVIATIONS, WEIGHTS, kind)


def row_of(kind: Blending, query: int, backward: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of a query's fold, and what the blend says of each: of lists of all of them."""
    pairs = np.flatnonzero(MEMBERS[0].fold == MEMBERS[0].fold[query])
    total = np.zeros(len(pairs))
    for one, deviations, weights in zip(MEMBERS, DEVIATIONS, WEIGHTS, strict=True):
        queries, gallery = (one.gallery, one.queries) if backward else (one.queries, one.gallery)
        scores = np.array([queries[query] @ gallery[pair] for pair in pairs]) / deviations[one.fold[query]]
        if kind == "z_score":
            scores = (scores - scores.mean()) / scores.std()
        elif kind == "rank":
            scores = (2 * rankdata(scores) - len(pairs) - 1) / (len(pairs) - 1)
        total += weights[one.fold[query]] * scores
    return pairs, total


def beaten_by(kind: Blending, query: int, backward: bool = False) -> int:
    pairs, row = row_of(kind, query, backward)
    return int((row[pairs != query] >= row[pairs == query] - TIE).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_the_truth_is_beaten_by_as_many_as_in_the_whole_row(kind: Blending) -> None:
    result = outcomes(blend(kind))
    assert result.beating.tolist() == [beaten_by(kind, query) for query in range(COUNT)]
    assert len(np.unique(result.beating)) > 5  # these members tell something, and not everything


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_expected_is_what_many_random_lists_give(kind: Blending) -> None:
    random, found = np.random.default_rng(0), np.zeros(COUNT)
    for query in range(COUNT):
        pairs, row = row_of(kind, query)
        others, own = row[pairs != query], row[pairs == query]
        foils = random.permuted(np.tile(others, (DRAWS, 1)), axis=1)[:, : LENGTH - 1]
        found[query] = ((foils >= own - TIE).sum(axis=1) < PICKS).mean()
    assert outcomes(blend(kind)).expected(PICKS) == pytest.approx(found, abs=5 * 0.5 / DRAWS**0.5)


@pytest.mark.parametrize("kind", KINDS)
def test_backward_a_gallery_image_has_the_queries_for_its_list(kind: Blending) -> None:
    oof = blend(kind)
    beating, _ = fold_ranks(oof.fold, oof.gallery, oof.queries, oof.scorer.reversed())
    assert beating.tolist() == [beaten_by(kind, query, backward=True) for query in range(COUNT)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", [(1, 1), (4, 7), (7, 30), (30, 4)])
def test_blocks_smaller_than_the_gallery_change_nothing(kind: Blending, block: tuple[int, int]) -> None:
    oof = blend(kind)
    own = np.flatnonzero(oof.fold == 0)
    beating = count_beating(oof.queries[own], oof.gallery[own], oof.scorer, block)
    assert beating.tolist() == [beaten_by(kind, query) for query in own]


@pytest.mark.parametrize("kind", KINDS)
def test_a_blend_of_blends_is_by_lists_where_one_of_them_is(kind: Blending) -> None:
    once = np.ones((2, FOLDS))
    whole = with_weights([blend(kind), MEMBERS[1]], DEVIATIONS, once, "log_odds")
    assert whole.scorer.by_list == (kind != "log_odds")
    for query, found in enumerate(outcomes(whole).beating):
        pairs, row = row_of(kind, query)
        fold = whole.fold[query]
        row = row / DEVIATIONS[0][fold] + MEMBERS[1].gallery[pairs] @ MEMBERS[1].queries[query] / DEVIATIONS[1][fold]
        assert found == (row[pairs != query] >= row[pairs == query] - TIE).sum()


def test_no_block_of_lists_has_more_numbers_than_are_asked_for() -> None:
    oof, shapes = blend("rank"), []

    def noted(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        shapes.append((len(queries), len(gallery)))
        return oof.scorer.similarity(queries, gallery)

    own = np.flatnonzero(oof.fold == 0)
    scorer = ListScorer(noted, oof.scorer.compare, backward=Scorer)
    count_beating(oof.queries[own], oof.gallery[own], scorer, (9, 10))
    assert shapes == [(3, 30)] * 10
