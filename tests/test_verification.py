"""Matched or not: areas, thresholds and intervals beside naive references."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tlk.verification import best_threshold, clustered_interval, judged, roc_auc, verification

NAN = float("nan")


def naive_auc(scores: np.ndarray, match: np.ndarray, weight: np.ndarray) -> float:
    ours = [(score, w) for score, kind, w in zip(scores, match, weight, strict=True) if kind]
    theirs = [(score, w) for score, kind, w in zip(scores, match, weight, strict=True) if not kind]
    total = won = 0.0
    for one, w in ours:
        for other, v in theirs:
            total += w * v
            won += w * v * (1.0 if one > other else 0.5 if one == other else 0.0)
    return won / total


def balanced(scores: np.ndarray, match: np.ndarray, cut: float) -> float:
    return float(np.mean([((scores > cut) == match)[match == kind].mean() for kind in (True, False)]))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores, many of them equal, and verdicts of both kinds."""
    match = draw(st.lists(st.booleans(), min_size=2, max_size=30).filter(lambda kinds: len(set(kinds)) == 2))
    scores = draw(st.lists(st.sampled_from([-2.0, -0.5, 0.0, 0.25, 3.0]), min_size=len(match), max_size=len(match)))
    return np.array(scores), np.array(match)


@given(pairs(), st.integers(0, 2**16))
def test_the_area_is_that_of_pairs_of_pairs(drawn: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    scores, match = drawn
    weight = np.random.default_rng(seed).integers(1, 4, len(scores)).astype(float)
    assert roc_auc(scores, match) == pytest.approx(naive_auc(scores, match, np.ones(len(scores))))
    assert roc_auc(scores, match, weight) == pytest.approx(naive_auc(scores, match, weight))
    assert roc_auc(scores, match, weight) == pytest.approx(roc_auc_score(match, scores, sample_weight=weight))
    assert roc_auc(-scores, match) == pytest.approx(1 - roc_auc(scores, match))


def test_a_weight_is_as_many_pairs() -> None:
    random = np.random.default_rng(0)
    scores, match = random.integers(9, size=60) / 4, random.random(60) < 0.4
    weight = random.integers(0, 3, 60)
    many = np.repeat(np.arange(60), weight)
    assert roc_auc(scores, match, weight.astype(float)) == pytest.approx(roc_auc(scores[many], match[many]))


def test_scores_that_are_no_numbers_count_against_us() -> None:
    scores, match = np.array([0.9, NAN, 0.1, NAN]), np.array([True, True, False, False])
    assert roc_auc(scores, match) == 1 / 4  # only 0.9 > 0.1 holds
    assert judged(scores, match, 0.5).tolist() == [1, 0, 1, 0]
    assert roc_auc(np.full(4, NAN), match) == 0
    assert judged(np.full(4, NAN), match, best_threshold(np.full(4, NAN), match)).sum() == 0
    row = verification(scores, match, best_threshold(scores, match), np.array([0, 0, 1, 1]))
    assert (row["accuracy"], row["positive"], row["negative"]) == (0.5, 0.9, 0.1)
    json.dumps(row, allow_nan=False)


def test_without_both_kinds_there_is_no_area() -> None:
    for match in ([True] * 3, [False] * 3):
        assert np.isnan(roc_auc(np.arange(3.0), np.array(match)))
    assert np.isnan(roc_auc(np.empty(0), np.empty(0, bool)))
    assert np.isnan(roc_auc(np.arange(2.0), np.array([True, False]), np.array([1.0, 0.0])))


@given(pairs())
def test_no_other_cut_is_better(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    scores, match = drawn
    values = np.unique(scores)
    cuts = [values[0] - 1, *(values[1:] + values[:-1]) / 2, values[-1] + 1]
    found = best_threshold(scores, match)
    assert found in cuts  # never on a score that occurs
    assert balanced(scores, match, found) == pytest.approx(max(balanced(scores, match, cut) for cut in cuts))


def test_the_threshold_lies_between_the_kinds() -> None:
    scores, match = np.array([0.1, 0.2, 0.6, 0.8]), np.array([False, False, True, True])
    assert best_threshold(scores, match) == pytest.approx(0.4)
    assert judged(scores, match, 0.4).tolist() == [1, 1, 1, 1]
    assert judged(scores, match, 0.8).tolist() == [1, 1, 0, 0]  # above it, not at it


def test_few_of_one_kind_weigh_as_much_as_many_of_the_other() -> None:
    scores = np.array([0.5, 0.9] + [0.4] * 80 + [0.6] * 20)
    match = np.array([True, True] + [False] * 100)
    assert best_threshold(scores, match) == pytest.approx(
        0.45
    )  # above 0.75 more pairs are right, but one of two is not


def test_a_collapsed_space_says_nothing() -> None:
    scores, match = np.full(40, 0.98), np.arange(40) % 2 == 0
    row = verification(scores, match, best_threshold(scores, match), np.arange(40) // 4)
    assert (row["auc"], row["accuracy"], row["auc_ci95"], row["ci95"]) == (0.5, 0.5, (0.5, 0.5), (0.5, 0.5))
    assert row["positive"] == pytest.approx(0.98)  # which alone would look good


def test_verification_says_what_is_there() -> None:
    random = np.random.default_rng(1)
    match = random.random(300) < 0.5
    scores, cluster = random.normal(size=300) + match, random.integers(30, size=300)
    row = verification(scores, match, 0.5, cluster)
    assert (row["n"], row["matched"]) == (300, match.sum())
    assert row["accuracy"] == pytest.approx(((scores > 0.5) == match).mean())
    assert row["auc"] == pytest.approx(roc_auc_score(match, scores))
    assert row["positive"] == pytest.approx(scores[match].mean())
    assert row["negative"] == pytest.approx(scores[~match].mean())
    for value, interval in (("accuracy", "ci95"), ("auc", "auc_ci95")):
        low, high = row[interval]  # type: ignore[misc]
        assert low < row[value] < high  # type: ignore[operator]
    order = random.permutation(300)
    again = verification(scores[order], match[order], 0.5, cluster[order])
    assert again["auc_ci95"] == pytest.approx(row["auc_ci95"])


def _mean_of(values: np.ndarray) -> tuple[float, float]:
    clusters = np.repeat(np.arange(len(values)), values.shape[1])
    interval = clustered_interval(clusters, lambda weight: float(np.average(values.ravel(), weights=weight)))
    assert interval is not None
    return interval


def test_the_interval_holds_the_truth_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlk.verification.RESAMPLES", 200)
    random, held, alone = np.random.default_rng(2), 0, 0
    for _ in range(200):
        values = 0.3 + random.normal(size=(40, 1)) + 0.3 * random.normal(size=(40, 8))
        low, high = _mean_of(values)
        held += low <= 0.3 <= high
        low, high = _mean_of(values.reshape(-1, 1))  # as if each hung on nothing else
        alone += low <= 0.3 <= high
    assert 0.88 <= held / 200 <= 0.99
    assert alone / 200 < 0.75


def test_few_clusters_say_less_than_many() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(60, 10)) + random.normal(size=(60, 1))
    many, few = _mean_of(values), _mean_of(values.reshape(6, 100))
    low, high = _mean_of(values[:6])
    assert high - low > 1.5 * (many[1] - many[0])
    assert few[0] < values.mean() < few[1]


def test_one_cluster_gives_no_interval() -> None:
    assert clustered_interval(np.zeros(9, int), np.mean) is None  # type: ignore[arg-type]
    assert clustered_interval(np.empty(0, int), np.mean) is None  # type: ignore[arg-type]
    assert clustered_interval(np.arange(9), lambda weight: NAN) is None
    assert clustered_interval(np.array([5, -1, 5]), lambda weight: 1.0) == (1, 1)


def test_resamples_without_one_kind_are_left_out() -> None:
    scores, match = np.array([0.1, 0.2, 0.3, 0.4]), np.array([True, True, False, False])
    interval = clustered_interval(np.array([0, 0, 1, 1]), lambda weight: roc_auc(scores, match, weight))
    assert interval == (0, 0)
