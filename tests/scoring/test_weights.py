"""Weights of a blend: against a plain search, the planted noise that an un-nested fit falls for, members that go."""

import numpy as np
import pytest
from scipy.special import log_softmax

from tlk.metrics import list_ranks
from tlk.scoring.weights import fit_folds, fit_weights, most_likely

LENGTH = 20


def informed(n: int, separations: list[float], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `(k, n, 20)` scores of members with independent errors, the truths, and five folds."""
    random = np.random.default_rng(seed)
    truth = random.integers(LENGTH, size=n)
    parts = random.normal(size=(len(separations), n, LENGTH))
    parts[:, np.arange(n), truth] += np.array(separations)[:, None]
    return parts, truth, random.permutation(n) % 5


def top_2(parts: np.ndarray, weights: np.ndarray, truth: np.ndarray) -> float:
    return float((list_ranks(np.tensordot(weights, parts, axes=1), truth) <= 2).mean())


def nested_top_2(parts: np.ndarray, truth: np.ndarray, fold: np.ndarray) -> float:
    """Return the accuracy with each fold's weights fitted on the other folds."""
    weights = fit_folds(parts, truth, fold, "log_odds", "fitted")
    return float(np.mean([top_2(parts[:, fold == f], weights[f], truth[fold == f]) for f in range(5)]))


def likelihood(parts: np.ndarray, weights: np.ndarray, truth: np.ndarray) -> float:
    logits = np.tensordot(weights, parts, axes=1)
    return float(log_softmax(logits, axis=1)[np.arange(len(truth)), truth].mean())


def test_the_weights_are_the_most_likely_ones_of_a_grid() -> None:
    parts, truth, _ = informed(400, [1.0, 0.5], seed=0)
    found = most_likely(parts, truth)
    grid = [np.array([a, b]) for a in np.arange(0, 2, 0.05) for b in np.arange(0, 2, 0.05)]
    best = max(grid, key=lambda weights: likelihood(parts, weights, truth))
    assert np.abs(found - best).max() < 0.06
    # The log-odds of unit gaussians a distance d apart are d times the score.
    assert found == pytest.approx([1.0, 0.5], abs=0.15)


def test_a_member_that_says_the_opposite_gets_no_weight_rather_than_a_negative_one() -> None:
    parts, truth, _ = informed(300, [1.0, -1.0], seed=1)
    assert most_likely(parts, truth)[1] == 0


def test_pure_noise_looks_better_than_chance_without_nesting_and_not_with_it() -> None:
    chance, n = 2 / LENGTH, 200
    fooled, nested = [], []
    for seed in range(10):
        parts, truth, fold = informed(n, [0.0] * 20, seed)
        fooled.append(top_2(parts, most_likely(parts, truth), truth))
        nested.append(nested_top_2(parts, truth, fold))
    error = np.sqrt(chance * (1 - chance) / (n * len(nested)))
    assert np.mean(fooled) > chance + 5 * error  # the trap is real
    assert abs(np.mean(nested) - chance) < 3 * error


def test_a_fold_s_own_truths_have_no_say_in_its_weights() -> None:
    parts, truth, fold = informed(250, [1.0, 0.7, 0.0], seed=3)
    before = fit_folds(parts, truth, fold, "log_odds", "fitted")
    changed = np.where(fold == 2, (truth + 1) % LENGTH, truth)
    after = fit_folds(parts, changed, fold, "log_odds", "fitted")
    np.testing.assert_array_equal(before[2], after[2])
    assert all((before[f] != after[f]).any() for f in (0, 1, 3, 4))


def test_members_that_do_not_help_are_dropped_and_those_that_do_stay() -> None:
    parts, truth, fold = informed(600, [1.0, 0.0, 0.8, 0.0, 0.0], seed=4)
    copy = np.concatenate([parts, parts[:1]])  # a member that says again what another says
    weights = fit_weights(copy, truth, fold, "log_odds", "fitted")
    assert weights[2] > 0
    assert (weights[[0, 5]] > 0).any()
    assert (weights[[1, 3, 4]] > 0).sum() <= 1  # by chance one in six of useless ones seems to help a little
    alone = fit_weights(parts[[0, 2]], truth, fold, "log_odds", "fitted")
    assert (alone > 0).all()


def test_members_whose_errors_differ_beat_the_best_of_them() -> None:
    parts, truth, fold = informed(1500, [1.0, 1.0, 1.0], seed=5)
    best = max(top_2(part[None], np.ones(1), truth) for part in parts)
    assert nested_top_2(parts, truth, fold) > best + 0.1


def test_equal_weights_are_each_member_s_own_calibration_in_log_odds() -> None:
    parts, truth, fold = informed(500, [1.0, 0.4], seed=6)
    weights = fit_weights(parts, truth, fold, "log_odds", "equal")
    assert weights * 2 == pytest.approx([most_likely(part[None], truth)[0] for part in parts])
    assert fit_weights(parts, truth, fold, "rank", "equal").tolist() == [0.5, 0.5]


def test_of_a_single_fold_nothing_is_fitted() -> None:
    parts, truth, _ = informed(50, [1.0, 0.0], seed=7)
    assert fit_folds(parts, truth, np.zeros(50, int), "log_odds", "fitted").tolist() == [[0.5, 0.5]]


def test_where_the_other_folds_leave_no_member_all_weigh_alike() -> None:
    parts, truth, fold = informed(100, [-1.0, -1.0], seed=8)
    assert not fit_weights(parts, truth, fold, "log_odds", "fitted").any()
    assert fit_folds(parts, truth, fold, "log_odds", "fitted").tolist() == [[0.5, 0.5]] * 5


CONSTANT = np.full((1, 100, LENGTH), 0.1)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_constant_members_weigh_nothing(count: int) -> None:
    _, truth, fold = informed(100, [1.0], 0)
    constant = np.repeat(CONSTANT, count, axis=0)
    assert most_likely(constant, truth).tolist() == [0] * count
    assert not fit_weights(constant, truth, fold, "log_odds", "fitted").any()
    assert not fit_weights(constant, truth, fold, "log_odds", "equal").any()
    assert fit_weights(constant, truth, fold, "z_score", "equal").tolist() == [1 / count] * count
    for weighting in ("fitted", "equal"):  # nothing is known of them: alike
        alike = fit_folds(constant, truth, fold, "log_odds", weighting)  # type: ignore[arg-type]
        np.testing.assert_array_equal(alike, np.full((5, count), 1 / count))


def test_a_constant_member_takes_nothing_from_one_that_knows() -> None:
    parts, truth, fold = informed(100, [1.0], 0)
    alone = fit_weights(parts, truth, fold, "log_odds", "fitted")
    found = fit_weights(np.concatenate([CONSTANT, parts]), truth, fold, "log_odds", "fitted")
    assert found[0] == 0
    assert found[1] == pytest.approx(alone[0], rel=1e-3)


def test_a_member_that_is_always_right_has_a_finite_weight() -> None:
    _, truth, _ = informed(100, [1.0], 0)
    perfect = np.zeros((1, 100, LENGTH))
    perfect[0, np.arange(100), truth] = 1
    assert 3 < most_likely(perfect, truth)[0] < 20
    assert most_likely(-perfect, truth)[0] == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_blended(value: float) -> None:
    parts, truth, fold = informed(20, [1.0, 1.0], 0)
    parts[1, 3, 2] = value
    with pytest.raises(ValueError, match="finite"):
        fit_weights(parts, truth, fold, "log_odds", "fitted")


def test_a_single_list_a_fold_fits_something_finite() -> None:
    parts, truth, _ = informed(2, [1.0, 1.0], 0)
    weights = fit_folds(parts, truth, np.array([0, 1]), "log_odds", "fitted")
    assert weights.shape == (2, 2)
    assert np.isfinite(weights).all()
    assert (weights.sum(axis=1) > 0).all()
