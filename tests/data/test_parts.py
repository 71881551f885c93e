"""Parts of a collection: shares, groups that stay whole, labels held back, balance."""

import numpy as np
import pytest

from tlk.data.parts import LEFT_OUT, TEST, TRAIN, assign_parts, at_most, merged, smallest
from tlk.errors import UserError


def test_shares_are_kept_and_groups_stay_whole() -> None:
    group = np.random.default_rng(0).integers(300, size=1000)
    part = assign_parts(group, (60, 20, 20), seed=0)
    sizes = np.bincount(part, minlength=3) / 1000
    assert np.abs(sizes - (0.6, 0.2, 0.2)).max() < 0.02
    assert all(len(np.unique(part[group == one])) == 1 for one in np.unique(group))
    assert not np.array_equal(part, assign_parts(group, (60, 20, 20), seed=1))
    assert np.array_equal(part, assign_parts(group, (60, 20, 20), seed=0))


def test_some_labels_are_seen_by_the_test_alone() -> None:
    label = np.repeat(np.arange(50), 20)
    label[::100] = -1
    group = np.arange(1000)
    group[1] = group[21]  # a near-duplicate of two artists
    part = assign_parts(group, (60, 20, 20), 0, label, unseen=20)
    parts_of = [set(part[label == one].tolist()) for one in range(50)]
    held = [parts == {TEST} for parts in parts_of]
    assert sum(held) == 10
    assert all(TRAIN in parts for parts, only in zip(parts_of, held, strict=True) if not only)
    assert part[1] == part[21]
    rest = ~np.isin(label, np.flatnonzero(held))
    assert abs((part[rest] == TRAIN).mean() - 0.6) < 0.03
    assert LEFT_OUT not in part


def test_the_largest_are_reduced_to_the_smallest() -> None:
    label = np.array([0] * 9 + [1] * 4 + [2] * 3 + [3] + [-1] * 5)
    assert smallest(label) == 3
    kept = at_most(label, 3, seed=0)
    assert np.bincount(label[kept], minlength=4).tolist() == [3, 3, 3, 1]
    assert not kept[label < 0].any()
    assert not np.array_equal(kept, at_most(label, 3, seed=5))
    with pytest.raises(UserError, match="no artist has two"):
        smallest(np.array([0, 1, 2, -1]))


def test_groups_that_share_a_label_are_joined() -> None:
    group = np.array([5, 5, 9, 7, 8, 6])
    label = np.array([-1, 0, 0, 1, -1, -1])
    joined = merged(group, label)
    assert joined[0] == joined[1] == joined[2]
    assert len(np.unique(joined)) == 4


@pytest.mark.parametrize(
    ("labels", "unseen", "told"), [(2, 20, "none"), (1, 50, "none"), (3, 90, "3"), (0, 20, "none")]
)
def test_none_or_all_unseen_are_refused(labels: int, unseen: int, told: str) -> None:
    group = np.arange(30)
    label = np.full(30, -1) if labels == 0 else group % labels
    with pytest.raises(UserError, match=rf"--unseen {unseen}: of the {labels} .*, that is {told}\n"):
        assign_parts(group, (60, 20, 20), 0, label, unseen)
