"""Scores in forms that can be added."""

import numpy as np
import pytest

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
