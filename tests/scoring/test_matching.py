"""Matching over the lists against counting all assignments."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tlk.metrics import TIE, list_ranks
from tlk.scoring.matching import ABSENT, fit_temperature, in_deviations, is_one_to_one, match, match_folds


def chances(scores: np.ndarray, lists: np.ndarray, temperature: float) -> np.ndarray:
    return np.exp(match(scores, lists, temperature))


def counted(scores: np.ndarray, lists: np.ndarray, temperature: float) -> np.ndarray:
    """Return the chances by going through every choice of candidates."""
    scores = np.where(lists == ABSENT, np.nan, scores)
    scores = scores - np.nanmean(scores, axis=1, keepdims=True)
    scores = scores / np.sqrt(np.nanmean(scores**2))
    found = np.zeros(scores.shape)
    for choice in product(range(lists.shape[1]), repeat=len(lists)):
        rights = [lists[i, j] for i, j in enumerate(choice)]
        if ABSENT in rights or len(set(rights)) < len(rights):
            continue
        weight = np.exp(sum(scores[i, j] for i, j in enumerate(choice)) / temperature)
        for i, j in enumerate(choice):
            found[i, j] += weight
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def simulated(n: int, length: int = 20, separation: float = 1.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and lists of which each has its truth at the front, a gaussian `separation` above the foils."""
    random = np.random.default_rng(seed)
    foils = np.array([random.choice(n - 1, length - 1, replace=False) for _ in range(n)])
    lists = np.column_stack([np.arange(n), foils + (foils >= np.arange(n)[:, None])])
    scores = random.normal(size=(n, length))
    scores[:, 0] += separation
    return scores, lists


def picked(scores: np.ndarray) -> float:
    return float(((scores >= scores[:, :1]).sum(axis=1) <= 2).mean())


@settings(max_examples=40)
@given(st.integers(0, 999), st.floats(0.2, 5))
def test_on_a_tree_it_is_exact(seed: int, temperature: float) -> None:
    scores = np.random.default_rng(seed).normal(size=(4, 2))
    lists = np.array([[0, 1], [1, 2], [2, 3], [3, 4]])  # five right images: one is nobody's
    assert np.allclose(chances(scores, lists, temperature), counted(scores, lists, temperature), atol=1e-3)


@settings(max_examples=40)
@given(st.integers(0, 999))
def test_lists_of_unequal_length(seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(3, 3))
    lists = np.array([[5, 7, ABSENT], [7, 9, 11], [11, ABSENT, ABSENT]])
    result = chances(scores, lists, 1.0)
    assert (result[lists == ABSENT] == 0).all()
    assert np.allclose(result, counted(scores, lists, 1.0), atol=1e-3)


def test_an_image_that_one_list_alone_has_is_its_query_s_truth() -> None:
    scores = np.array([[9.0, 0], [9, 0], [9, 0]])
    matched = chances(scores, np.array([[0, 1], [0, 1], [0, 2]]), 0.3)
    assert matched[2, 1] > 0.99


def test_unless_there_are_more_images_than_queries() -> None:
    scores = np.array([[9.0, 0], [9, 0]])
    matched = chances(scores, np.array([[0, 1], [2, 3]]), 0.3)
    assert (matched[:, 0] > 0.99).all()


def test_a_matching_beats_the_scores_it_is_made_of() -> None:
    scores, lists = simulated(1000, separation=2.2)
    matched = chances(scores, lists, 0.45)
    assert picked(matched) > picked(scores) + 0.06
    taken = np.bincount(lists.ravel(), matched.ravel())
    assert np.allclose(taken, 1, atol=0.01)
    assert np.allclose(matched.sum(axis=1), 1)


def test_without_knowledge_nothing_is_found() -> None:
    _, lists = simulated(400)
    matched = chances(np.random.default_rng(1).normal(size=lists.shape), lists, 2.0)
    assert picked(matched) < 0.16


def test_noise_is_not_fitted() -> None:
    """On noise the temperatures of other folds promise nothing that the fold itself does not keep."""
    random, fold = np.random.default_rng(2), np.repeat(np.arange(4), 100)
    parts = [simulated(100, separation=0, seed=seed) for seed in range(4)]
    lists = np.concatenate([part + 100 * number for number, (_, part) in enumerate(parts)])
    order = random.permuted(np.tile(np.arange(20), (400, 1)), axis=1)
    lists = np.take_along_axis(lists, order, axis=1)
    truth = np.nonzero(order == 0)[1]
    matched = match_folds(random.normal(size=lists.shape), lists, truth, fold)
    assert matched is not None
    own = np.take_along_axis(matched, truth[:, None], axis=1)
    assert 0.06 < ((matched >= own).sum(axis=1) <= 2).mean() < 0.16


def test_one_fold_alone_is_not_matched() -> None:
    scores, lists = simulated(50)
    assert match_folds(scores, lists, np.zeros(50, np.int64), np.zeros(50, np.int64)) is None


def test_equal_scores_are_shared_equally() -> None:
    lists = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1]])
    assert np.allclose(chances(np.ones((3, 3)), lists, 1.0), 1 / 3)


def test_the_order_of_queries_and_candidates_does_not_count() -> None:
    scores, lists = simulated(60)
    random = np.random.default_rng(3)
    rows, columns = random.permutation(60), random.permutation(20)
    there = chances(scores[rows][:, columns], lists[rows][:, columns], 0.7)
    assert np.allclose(there, chances(scores, lists, 0.7)[rows][:, columns], atol=1e-6)


@pytest.mark.parametrize("temperature", [1e-3, 1e3])
def test_extreme_temperatures_stay_finite(temperature: float) -> None:
    scores, lists = simulated(200)
    assert np.isfinite(chances(scores, lists, temperature)).all()


def test_lists_of_a_matching_are_told() -> None:
    _, lists = simulated(100)
    assert is_one_to_one(lists)
    assert not is_one_to_one(lists[:50])  # right images that no query here owns
    assert not is_one_to_one(np.arange(40).reshape(20, 2))
    assert not is_one_to_one(np.arange(20)[:, None])  # each image in one list alone
    assert not is_one_to_one(np.array([[0, 1], [1, 0], [0, 1], [2, 3]]))  # three queries for two images
    assert is_one_to_one(np.array([[0, 1], [1, 0], [3, 2], [2, 3]]))


def test_scale_and_shift_of_the_scores_do_not_count() -> None:
    scores, lists = simulated(60)
    shifted = 7 * scores + np.arange(60)[:, None]
    assert np.allclose(match(shifted, lists, 0.7), match(scores, lists, 0.7))


def test_the_temperature_is_the_one_that_the_scores_deserve() -> None:
    sure, vague = simulated(400, separation=4), simulated(400, separation=1)
    truth = np.zeros(400, np.int64)
    fitted = [fit_temperature([(*case, truth)]) for case in (sure, vague)]
    assert fitted[0] < 0.5 * fitted[1]
    for (scores, lists), temperature in zip((sure, vague), fitted, strict=True):
        best = match(scores, lists, temperature)[:, 0].mean()
        assert all(match(scores, lists, temperature * factor)[:, 0].mean() <= best for factor in (0.8, 1.25))


LISTS = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1]])
SCORES = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0], [1.0, 0.0, 3.0]])
NOTHING = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("value", NOTHING)
def test_a_score_that_is_not_finite_is_unlikely_and_spoils_no_other(value: float) -> None:
    scores = SCORES.copy()
    scores[0, 0] = value
    found = chances(scores, LISTS, 1.0)
    assert np.isfinite(match(scores, LISTS, 1.0)).all()
    assert found[0, 0] < 1e-12
    lists = LISTS.copy()
    lists[0, 0] = ABSENT
    np.testing.assert_allclose(found[:, 1:], chances(SCORES, lists, 1.0)[:, 1:], atol=1e-3)


@pytest.mark.parametrize("value", NOTHING)
def test_a_list_without_any_score_is_one_of_equal_scores(value: float) -> None:
    scores, equal = SCORES.copy(), SCORES.copy()
    scores[0], equal[0] = value, 0.0
    spread = in_deviations(SCORES[1:], np.ones((2, 3), bool))
    np.testing.assert_allclose(in_deviations(scores, np.ones((3, 3), bool))[1:], spread)
    found = chances(scores, LISTS, 1e6)
    np.testing.assert_allclose(found, 1 / 3, atol=1e-3)
    assert np.isfinite(match(np.full((3, 3), value), LISTS, 1.0)).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 7.3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_stay_ties_whatever_their_rounding(value: float, dtype: type) -> None:
    scores = np.full((3, 3), value, dtype)
    scores[0, 0] = np.nextafter(scores[0, 0], dtype(9))
    there = np.ones((3, 3), bool)
    assert np.abs(in_deviations(scores, there)).max() < TIE
    found = match(scores, LISTS, 0.05)
    np.testing.assert_allclose(found, np.log(1 / 3), atol=1e-4)
    assert list_ranks(match(np.full((3, 3), value, dtype), LISTS, 0.05), np.zeros(3, int)).tolist() == [3, 3, 3]


def test_certain_scores_that_contradict_each_other_are_shared() -> None:
    scores, lists = np.array([[100.0, 0.0], [100.0, 0.0]]), np.array([[0, 1], [0, 1]])
    np.testing.assert_allclose(chances(scores, lists, 0.05), 0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [(np.full((3, 3), 0.1), 5.0), (-np.eye(3), 5.0), (np.full((3, 3), np.nan), 5.0), (np.eye(3), 0.05)],
)
def test_a_temperature_of_degenerate_scores_lies_at_its_bound(scores: np.ndarray, expected: float) -> None:
    truth = np.array([0, 1, 2])
    found = fit_temperature([(scores, LISTS, truth)])
    assert 0.05 <= found <= 5.0
    assert abs(np.log(found / expected)) < 0.5


def test_no_lists_are_not_one_to_one() -> None:
    assert not is_one_to_one(np.empty((0, 3), np.int64))
