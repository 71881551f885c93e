"""Metrics against naive references: loops, and enumeration of every list there could be."""

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tlk.data.candidates import build_lists
from tlk.metrics import (
    TIE,
    bootstrap_interval,
    expected_top_k,
    list_ranks,
    paired_interval,
    rank_frequency,
    recall_at,
    standardise,
    top_k,
)


def naive_rank(scores: list[float], truth: int) -> int:
    rank = 1
    for place, score in enumerate(scores):
        if place != truth and score >= scores[truth] - TIE:
            rank += 1
    return rank


@given(st.data())
def test_list_ranks_are_those_of_a_loop(data: st.DataObject) -> None:
    n, m = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 6))
    scores = np.array(data.draw(st.lists(st.lists(st.integers(-2, 2), min_size=m, max_size=m), min_size=n, max_size=n)))
    truth = np.array(data.draw(st.lists(st.integers(0, m - 1), min_size=n, max_size=n)))
    expected = [naive_rank(row, place) for row, place in zip(scores.astype(float).tolist(), truth, strict=True)]
    assert list_ranks(scores.astype(float), truth).tolist() == expected


def test_ties_count_against_us_also_when_they_differ_by_rounding() -> None:
    scores = np.array([[0.5, 0.5, 0.5 - TIE / 2, 0.5 - 3 * TIE], [0.0, 0.0, 0.0, 0.0]])
    assert list_ranks(scores, np.array([0, 2])).tolist() == [3, 4]
    assert list_ranks(scores, np.array([3, 0])).tolist() == [4, 4]


def test_top_k_counts_ranks_up_to_k() -> None:
    ranks = np.array([1, 2, 3, 20])
    assert top_k(ranks, 1).tolist() == [1, 0, 0, 0]
    assert top_k(ranks, 2).tolist() == [1, 1, 0, 0]
    assert top_k(ranks, 20).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("others", [3, 6, 8])
@pytest.mark.parametrize("length", [2, 4])
def test_expected_top_k_is_the_share_of_all_lists_there_could_be(others: int, length: int) -> None:
    for beating in range(others + 1):
        drawn = [sum(foil < beating for foil in foils) for foils in combinations(range(others), length - 1)]
        for k in range(1, length + 1):
            share = np.mean([ahead <= k - 1 for ahead in drawn])
            assert expected_top_k(np.array([beating]), others, length, k)[0] == pytest.approx(share, abs=1e-12)


def test_expected_top_k_takes_a_gallery_size_for_each_query() -> None:
    both = expected_top_k(np.array([2, 2]), np.array([5, 9]), 4, 1)
    assert both[0] == expected_top_k(np.array([2]), 5, 4, 1)[0] < both[1]


def test_the_expected_accuracy_is_the_mean_of_sampled_draws() -> None:
    n, length, draws = 26, 5, 2000
    random = np.random.default_rng(0)
    scores = random.normal(size=(n, n)) + 1.2 * np.eye(n)
    fold = np.repeat([0, 1], [12, 14])
    same = fold[:, None] == fold[None, :]
    beating = ((scores >= np.diag(scores)[:, None] - TIE) & same).sum(axis=1) - 1
    sampled = np.empty((draws, 2))
    for seed in range(draws):
        lists, truth = build_lists(fold, length, seed)
        ranks = list_ranks(np.take_along_axis(scores, lists, axis=1), truth)
        sampled[seed] = top_k(ranks, 1).mean(), top_k(ranks, 2).mean()
    for column, k in ((0, 1), (1, 2)):
        expected = expected_top_k(beating, same.sum(axis=1) - 1, length, k).mean()
        error = sampled[:, column].std() / np.sqrt(draws)
        assert 0.1 < expected < 0.9
        assert abs(sampled[:, column].mean() - expected) < 4 * error


def test_recall_counts_truths_among_the_k_highest_of_the_gallery() -> None:
    beating = np.array([0, 0, 1, 4, 5, 99])
    assert recall_at(beating, 1) == 2 / 6
    assert recall_at(beating, 5) == 4 / 6
    assert recall_at(beating, 100) == 1


def test_the_interval_is_about_that_of_the_normal_distribution() -> None:
    values = np.repeat([0.0, 1.0], [120, 280])
    low, high = bootstrap_interval(values)
    half = 1.96 * np.sqrt(0.7 * 0.3 / 400)
    assert low == pytest.approx(0.7 - half, abs=0.006)
    assert high == pytest.approx(0.7 + half, abs=0.006)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    covered = 0
    for trial in range(200):
        low, high = bootstrap_interval((random.random(80) < 0.6).astype(float), seed=trial, resamples=200)
        covered += low <= 0.6 <= high
    assert 0.89 <= covered / 200 <= 0.99


def test_the_interval_is_seeded() -> None:
    values = np.random.default_rng(0).random(50)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_all_right_and_all_wrong_have_the_exact_binomial_interval() -> None:
    low, high = bootstrap_interval(np.ones(20))
    assert (low, high) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    low, high = bootstrap_interval(np.zeros(20))
    assert (low, high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))


@pytest.mark.parametrize("difference", [0.25, -1.0, 0.0, 1.0])
def test_equal_differences_of_two_runs_have_no_width(difference: float) -> None:
    assert paired_interval(np.full(10, difference)) == (difference, difference)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 2.0**-40, 2.0**40, 1e160, 5e307])
def test_standardise_takes_scores_of_any_scale(scale: float) -> None:
    scores = np.array([[0.0, 1.0, 3.0], [-1.0, 2.0, 0.5]])
    np.testing.assert_allclose(standardise(scores * scale), standardise(scores), rtol=1e-12)
    assert np.array_equal(standardise(scores * 2.0**40), standardise(scores))  # to the last digit


def test_standardise_gives_each_row_mean_0_and_deviation_1() -> None:
    scores = np.random.default_rng(0).normal(3, 5, (4, 7))
    result = standardise(scores)
    for row, original in zip(result.tolist(), scores.tolist(), strict=True):
        mean = sum(original) / 7
        deviation = (sum((x - mean) ** 2 for x in original) / 7) ** 0.5
        assert row == pytest.approx([(x - mean) / deviation for x in original])


@pytest.mark.parametrize("scale", [2.0**1020, 2.0**-1000])
def test_standardise_takes_scores_of_any_size(scale: float) -> None:
    scores = np.random.default_rng(1).normal(0, 5, (4, 7))
    assert np.array_equal(standardise(scale * scores), standardise(scores))


@given(st.floats(-1e3, 1e3), st.integers(2, 40), st.sampled_from([np.float32, np.float64]))
def test_a_row_of_equal_scores_becomes_zeros(value: float, width: int, dtype: type[np.floating]) -> None:
    scores = np.stack([np.full(width, value, dtype), np.arange(width, dtype=dtype)])
    result = standardise(scores)
    assert not result[0].any()
    assert result[1].std() == pytest.approx(1, abs=1e-5)


def test_nan_never_wins() -> None:
    scores = np.full((2, 20), np.nan)
    assert list_ranks(scores, np.array([3, 0])).tolist() == [20, 20]
    mixed = np.array([[0.5, np.nan, 0.1]])
    assert list_ranks(mixed, np.array([0])).tolist() == [2]


def test_rank_frequency_counts_every_query_once() -> None:
    assert rank_frequency(np.array([0, 0, 3, 1])).tolist() == [2, 1, 0, 1]


@pytest.mark.parametrize("value", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("n", [1, 2, 50])
def test_equal_values_do_not_make_a_certainty(value: float, n: int) -> None:
    low, high = bootstrap_interval(np.full(n, value))
    assert low <= value <= high
    assert 0 <= low < high <= 1
    reference = binomtest(round(n * value), n).proportion_ci(method="exact")
    if n * value == round(n * value):
        assert (low, high) == pytest.approx((reference.low, reference.high))


def test_one_query_says_almost_nothing() -> None:
    assert bootstrap_interval(np.array([0.0])) == pytest.approx((0, 0.975))
    assert bootstrap_interval(np.array([1.0])) == pytest.approx((0.025, 1))
    assert bootstrap_interval(np.array([0.5])) == pytest.approx((0.0004, 0.9996), abs=1e-4)
    assert paired_interval(np.array([0.2])) == (-1, 1)
    assert paired_interval(np.zeros(2)) == (0, 0)  # two runs that are one


@pytest.mark.parametrize("interval", [bootstrap_interval, paired_interval])
def test_there_is_no_interval_of_nothing(interval: Callable[[np.ndarray], object]) -> None:
    with pytest.raises(ValueError, match="an interval of no"):
        interval(np.empty(0))


def test_lists_hold_all_others_where_there_are_fewer() -> None:
    beating = np.arange(4)
    assert expected_top_k(beating, 3, 20, 2).tolist() == [1, 1, 0, 0]
    assert expected_top_k(beating, 3, 20, 2).tolist() == expected_top_k(beating, 3, 4, 2).tolist()
    assert expected_top_k(np.array([0]), 0, 20, 1).tolist() == [1]  # alone
    assert expected_top_k(np.array([0, 1]), np.array([0, 1]), 20, 1).tolist() == [1, 0]


@pytest.mark.parametrize("value", [0.1, 1.0, -7.3, 0.0, 1e300, 5e-324])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_scores_have_no_deviation(value: float, dtype: type) -> None:
    with np.errstate(over="ignore", under="ignore"):
        row = np.full((1, 7), value).astype(dtype)
    assert standardise(row).tolist() == [[0] * 7]


def test_rounding_is_no_deviation() -> None:
    row = np.full((1, 7), 0.1)
    row[0, 3] = np.nextafter(0.1, 1)
    assert standardise(row).tolist() == [[0] * 7]


@pytest.mark.parametrize("size", [1e-300, 1e-9, 1.0, 1e300, 1.7e308])
def test_scores_of_any_size_are_standardised(size: float) -> None:
    np.testing.assert_allclose(standardise(size * np.array([[1.0, -1.0, 0.0]])), standardise(np.array([[1.0, -1, 0]])))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_makes_its_row_ties(value: float) -> None:
    scores = np.array([[1.0, value, 3.0], [1.0, 2.0, 3.0]])
    standard = standardise(scores)
    assert standard[0].tolist() == [0, 0, 0]
    assert list_ranks(standard, np.array([1, 2])).tolist() == [3, 1]
