"""Candidate lists: what must hold for any folds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlk.data.candidates import build_lists
from tlk.errors import UserError


@given(st.data())
def test_lists_hold_the_truth_once_and_foils_of_the_same_fold(data: st.DataObject) -> None:
    length = data.draw(st.integers(2, 6))
    sizes = data.draw(st.lists(st.integers(length, length + 8), min_size=1, max_size=3))
    fold = np.array(data.draw(st.permutations(np.repeat(np.arange(len(sizes)), sizes).tolist())))
    lists, truth = build_lists(fold, length, data.draw(st.integers(0, 2**32 - 1)))
    pairs = np.arange(len(fold))
    assert lists.shape == (len(fold), length)
    assert (lists[pairs, truth] == pairs).all()
    assert ((lists == pairs[:, None]).sum(axis=1) == 1).all()
    assert all(len(set(row)) == length for row in lists.tolist())
    assert (fold[lists] == fold[:, None]).all()


def test_the_truth_stands_in_every_place_about_equally_often() -> None:
    _, truth = build_lists(np.repeat([0, 1], 2000), 20, 3)
    counts = np.bincount(truth, minlength=20)
    assert counts.min() > 200 - 5 * np.sqrt(200)
    assert counts.max() < 200 + 5 * np.sqrt(200)


def test_every_other_pair_is_a_foil_about_equally_often() -> None:
    n = 30
    met = sum(np.bincount(build_lists(np.zeros(n, int), 4, seed)[0].ravel(), minlength=n) for seed in range(100))
    assert met.sum() == 100 * n * 4
    assert abs(met - 400).max() < 5 * np.sqrt(300)


def test_the_same_seed_gives_the_same_lists_and_another_gives_others() -> None:
    fold = np.repeat([0, 1], 30)
    lists, truth = build_lists(fold, 20, 5)
    again, same = build_lists(fold, 20, 5)
    assert np.array_equal(lists, again)
    assert np.array_equal(truth, same)
    other, moved = build_lists(fold, 20, 6)
    assert not np.array_equal(lists, other)
    assert not np.array_equal(truth, moved)


def test_a_fold_keeps_its_lists_when_another_fold_changes() -> None:
    lists, truth = build_lists(np.repeat([0, 1], [8, 9]), 5, 5)
    fewer, places = build_lists(np.repeat([0, 1], [8, 6]), 5, 5)
    assert np.array_equal(lists[:8], fewer[:8])
    assert np.array_equal(truth[:8], places[:8])


def test_a_fold_smaller_than_a_list_is_named() -> None:
    with pytest.raises(UserError) as caught:
        build_lists(np.repeat([0, 1], [20, 19]), 20, 0)
    assert str(caught.value).startswith("fold 1 has 19 pairs, but a list needs 20 different right images\n")
    assert build_lists(np.zeros(20, int), 20, 0)[0].shape == (20, 20)  # just enough
