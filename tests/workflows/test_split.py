"""Which pairs are scored: the folds as they are, or one test part of whole groups."""

import numpy as np
import pytest

from tlk.data.competition import Pairs
from tlk.data.folds import Folds, assign_folds
from tlk.errors import UserError
from tlk.recipe import load_recipe
from tlk.recipe_schema import Recipe
from tlk.workflows.split import Split, split_pairs

PAIRS = 300
GROUP = np.concatenate([np.repeat(np.arange(20), 5), np.arange(20, 220)])  # twenty groups of five, the rest alone


def folds(group: np.ndarray = GROUP, seed: int = 0) -> Folds:
    names = tuple(f"{number:03d}" for number in range(len(group)))
    return Folds(Pairs(names, names), group, assign_folds(group, 5, seed))


def recipe(split: str, *settings: str) -> Recipe:
    return load_recipe("descriptors", [f"split={split}", *settings])


def test_folds_are_taken_as_they_are() -> None:
    given = folds()
    split = split_pairs(recipe("folds"), given, 5)
    np.testing.assert_array_equal(split.fold, given.fold)
    assert split.count == 5
    assert split.list_seed == given.list_seed
    np.testing.assert_array_equal(split.scored, np.arange(PAIRS))


@pytest.mark.parametrize(("shares", "tested"), [("60/20/20", 0.2), ("70/15/15", 0.15), ("50/10/40", 0.4)])
def test_shares_hold_out_whole_groups(shares: str, tested: float) -> None:
    split = split_pairs(recipe(shares), folds(), 5)
    assert split.count == 1
    assert set(split.fold.tolist()) == {0, -1}
    assert tested * PAIRS <= len(split.scored) < tested * PAIRS + 5  # a group is never cut
    assert set(GROUP[split.fold == 0]).isdisjoint(GROUP[split.fold == -1])
    np.testing.assert_array_equal(split.fold[split.scored], 0)


@pytest.mark.parametrize(("shares", "inner"), [("60/20/20", 0.25), ("70/15/15", 15 / 85)])
def test_the_shares_are_those_of_all_pairs(shares: str, inner: float) -> None:
    assert recipe(shares).inner_fraction == pytest.approx(inner)  # of what the test part leaves
    assert recipe("folds", "training.inner_fraction=0.3").inner_fraction == 0.3


def test_recipes_of_the_same_shares_compare_pair_by_pair() -> None:
    one = split_pairs(recipe("60/20/20"), folds(), 5)
    other = split_pairs(recipe("60/20/20", "seed=7", "training.epochs=1"), folds(), 5)
    np.testing.assert_array_equal(one.fold, other.fold)
    assert one.list_seed == other.list_seed


def test_other_shares_or_folds_split_anew() -> None:
    one, other = split_pairs(recipe("60/20/20"), folds(), 5), split_pairs(recipe("50/30/20"), folds(), 5)
    elsewhere = split_pairs(recipe("60/20/20"), folds(seed=1), 5)
    for different in (other, elsewhere):
        assert not np.array_equal(one.fold, different.fold)
    assert len({one.list_seed, other.list_seed, elsewhere.list_seed, folds().list_seed}) == 4


def test_pairs_that_are_all_alike_leave_nothing_to_train_on() -> None:
    names = ("a", "b", "c")
    alike = Folds(Pairs(names, names), np.zeros(3, np.int64), np.zeros(3, np.int64))
    with pytest.raises(UserError, match="no pair is left to train on"):
        split_pairs(recipe("60/20/20"), alike, 5)


def test_what_is_left_out_changes_no_other_fold() -> None:
    split = Split(np.array([0, 1, 2, 0, 1, 2]), 7)
    left = split.only(np.array([0, 1, 4, 5]))
    assert left.fold.tolist() == [0, 1, 1, 2]
    assert left.list_seed == 7
    with pytest.raises(UserError, match="no pair of fold 2 has two images that can be read\n"):
        split.only(np.array([0, 1, 4]))
    with pytest.raises(UserError, match="no pair to train on has two images"):
        Split(np.array([-1, 0, 0]), 7).only(np.array([1, 2]))
