"""Scores in forms that can be added."""

import numpy as np
import pytest

from tlk.recipe_schema import Blending
from tlk.scoring.blend import deviation_of, features


def test_features() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [0.0, 0.0, 0.5]])
    np.testing.assert_array_equal(features("log_odds", scores), scores)
    np.testing.assert_allclose(features("rank", scores), [[1, -1, 0], [-0.5, -0.5, 1]])
    standard = features("z_score", scores)
    np.testing.assert_allclose(standard.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(standard.std(axis=1), 1)


def test_the_deviation_is_that_within_the_lists() -> None:
    scores = np.array([[1.0, 3.0], [11.0, 13.0]])
    assert deviation_of(scores) == pytest.approx(1)
    assert deviation_of(np.ones((2, 3))) == 1  # nothing to divide by


@pytest.mark.parametrize("value", [0.1, 1.0, 123.4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_is_no_scale(value: float, dtype: type) -> None:
    """A collapsed model's ties stay ties: divided by their rounding they would be scores like any."""
    scores = np.full((3, 7), value, dtype)
    assert deviation_of(scores) == 1
    assert deviation_of(np.ones((3, 7)) + 1e-7 * np.eye(3, 7)) == 1
    assert deviation_of(np.ones((3, 7)) + 1e-4 * np.eye(3, 7)) == pytest.approx(3.5e-5, rel=0.01)


@pytest.mark.parametrize("kind", ["log_odds", "z_score", "rank"])
def test_a_constant_member_adds_the_same_to_every_candidate(kind: Blending) -> None:
    assert np.ptp(features(kind, np.full((2, 4), 0.1))) == 0
