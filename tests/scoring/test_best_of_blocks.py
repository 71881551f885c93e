"""The best of scores in blocks, against sorting everything."""

import numpy as np
import pytest

from tlk.scoring.best_of_blocks import best_of_blocks


@pytest.mark.parametrize("block", [1, 3, 7, 64, 200])
@pytest.mark.parametrize("k", [1, 5, 64])
def test_they_are_those_of_a_sort_with_ties_to_the_smaller_column(block: int, k: int) -> None:
    scores = np.random.default_rng(block).integers(0, 9, (6, 64)).astype(np.float64)  # many ties
    columns, best = best_of_blocks((scores[:, start : start + block] for start in range(0, 64, block)), k)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    assert columns.tolist() == expected.tolist()
    assert best.tolist() == np.take_along_axis(scores, expected, 1).tolist()


def test_what_is_not_finite_comes_last() -> None:
    scores = np.array([[np.nan, 1.0, np.inf, -5.0, -np.inf, 2.0]])
    columns, best = best_of_blocks([scores[:, :3], scores[:, 3:]], 4)
    assert columns.tolist()[0][:3] == [5, 1, 3]
    assert best.tolist() == [[2.0, 1.0, -5.0, -np.inf]]
