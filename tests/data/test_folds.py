"""Folds: groups stay whole, sizes stay balanced, tables are checked."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tlk.data.competition import Pairs
from tlk.data.folds import Folds, assign_folds, folds_from_table, split_groups
from tlk.errors import UserError
from tlk.tables import parse_table

GROUPS = st.lists(st.integers(0, 12), min_size=2, max_size=60).map(np.array)
SEEDS = st.integers(0, 2**32 - 1)


@given(GROUPS, st.integers(2, 5), SEEDS)
def test_groups_stay_whole_and_folds_are_as_equal_as_groups_allow(group: np.ndarray, k: int, seed: int) -> None:
    assume(len(np.unique(group)) >= k)
    fold = assign_folds(group, k, seed)
    assert all(len(set(fold[group == label].tolist())) == 1 for label in np.unique(group))
    sizes = np.bincount(fold, minlength=k)
    assert len(sizes) == k
    assert sizes.min() > 0
    assert sizes.max() - sizes.min() <= np.unique(group, return_counts=True)[1].max()


@given(GROUPS, SEEDS)
def test_folds_repeat_with_their_seed_and_follow_the_pairs_when_these_are_shuffled(
    group: np.ndarray, seed: int
) -> None:
    assume(len(np.unique(group)) >= 2)
    fold = assign_folds(group, 2, seed)
    order = np.random.default_rng(seed).permutation(len(group))
    assert np.array_equal(fold[order], assign_folds(group[order], 2, seed))


def test_large_groups_go_first_so_that_small_ones_can_even_the_folds() -> None:
    group = np.array([0, 1, 2, 3, 9, 9, 9, 9])
    for seed in range(5):
        assert np.bincount(assign_folds(group, 2, seed)).tolist() == [4, 4]


def test_another_seed_gives_other_folds() -> None:
    group = np.arange(40)
    assert not np.array_equal(assign_folds(group, 5, 0), assign_folds(group, 5, 1))


def test_too_few_folds_or_groups_are_an_error() -> None:
    with pytest.raises(UserError, match="--k 1: at least 2 folds"):
        assign_folds(np.arange(5), 1, 0)
    with pytest.raises(UserError, match="--k 3: only 2 groups"):
        assign_folds(np.array([4, 4, 9, 9]), 3, 0)
    assert sorted(assign_folds(np.arange(3), 3, 0).tolist()) == [0, 1, 2]


@given(GROUPS, st.floats(0.05, 0.95), SEEDS)
def test_an_inner_split_holds_whole_groups_of_about_the_fraction(group: np.ndarray, fraction: float, seed: int) -> None:
    held = split_groups(group, fraction, seed)
    assert all(len(set(held[group == label].tolist())) == 1 for label in np.unique(group))
    assert held.any()
    excess = held.sum() - fraction * len(group)
    assert -1e-9 <= excess <= np.unique(group, return_counts=True)[1].max() + 1e-9
    assert np.array_equal(held, split_groups(group, fraction, seed))


def test_pairs_that_stand_alone_are_split_exactly() -> None:
    assert split_groups(np.arange(10), 0.2, 0).sum() == 2
    assert split_groups(np.arange(10), 0.25, 0).sum() == 3


def test_another_seed_gives_another_inner_split() -> None:
    assert not np.array_equal(split_groups(np.arange(40), 0.2, 0), split_groups(np.arange(40), 0.2, 1))


PAIRS = Pairs(("a", "b", "c,d", "007"), ("w", "x", "y", "nan"))
FOLDS = Folds(PAIRS, np.array([0, 1, 1, 2]), np.array([1, 0, 0, 1]))


def read(text: str) -> Folds:
    return folds_from_table(parse_table(text.encode(), "f.csv"), PAIRS)


def test_the_table_reads_back() -> None:
    assert FOLDS.to_csv() == 'left,right,group,fold\na,w,0,1\nb,x,1,0\n"c,d",y,1,0\n007,nan,2,1\n'
    again = read(FOLDS.to_csv())
    assert again.pairs == PAIRS
    assert (again.group.tolist(), again.fold.tolist()) == ([0, 1, 1, 2], [1, 0, 0, 1])
    assert again.count == 2
    assert again.list_seed == FOLDS.list_seed


def test_rows_may_stand_in_any_order() -> None:
    header, *rows = FOLDS.to_csv().splitlines()
    shuffled = read("\n".join([header, *reversed(rows)]))
    assert shuffled.to_csv() == FOLDS.to_csv()
    assert shuffled.list_seed == FOLDS.list_seed


def test_the_list_seed_belongs_to_the_folds() -> None:
    other = Folds(PAIRS, FOLDS.group, 1 - FOLDS.fold)
    assert 0 <= FOLDS.list_seed < 2**32
    assert other.list_seed != FOLDS.list_seed


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ("left,right", "right,left", "f.csv: wrong header 'right,left,group,fold'"),
        ("b,x,1,0", "b,x,1,-1", "f.csv, line 3: group and fold are whole numbers from 0, not '1', '-1'"),
        ("b,x,1,0", "b,x,,0", "f.csv, line 3: .* not '', '0'"),
        ("b,x,1,0", "b,x,1.0,0", "f.csv, line 3: .* not '1.0', '0'"),
        ("b,x,1,0", "b,x,²,0", "f.csv, line 3: "),
        ("b,x,1,0", 'b,x,"1\n2\n3\n4",0', r"f.csv, line 3: .* not '1\\n2\\n3\\n4', '0'"),
        ("b,x,1,0", "b,x,1234567890,0", "f.csv, line 3: "),
        ("b,x,1,0", "b,x,1,12345", "f.csv, line 3: "),
        ("b,x,1,0\n", "", "f.csv: its pairs are not those of the data\n.* --out FILE, then tlk train --folds FILE"),
        ("b,x,1,0", "b,w,1,0", "f.csv: its pairs are not those of the data"),
        ("b,x,1,0", "a,w,1,0", "f.csv: its pairs are not those of the data"),
        ("b,x,1,0\n", "b,x,1,0\nb,x,1,0\n", "f.csv: its pairs are not those of the data"),
        ("b,x,1,0", "b,x,1,1", "f.csv: group 1 stands in two folds"),
        (",0\n", ",2\n", "f.csv: fold 0 is empty"),
        (",1\n", ",2\n", "f.csv: fold 1 is empty"),
        (",1\n", ",9999\n", "f.csv: fold 1 is empty"),
        (",1\n", ",0\n", "f.csv: there is only one fold"),
    ],
)
def test_faults_of_a_table_are_named(found: str, instead: str, message: str) -> None:
    text = FOLDS.to_csv()
    assert found in text
    with pytest.raises(UserError, match=message) as caught:
        read(text.replace(found, instead))
    assert len(str(caught.value).split("\n")) <= 3
