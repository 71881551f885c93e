"""Pairs: what a rule relates, and what none relates."""

import numpy as np

from tlk.data.pairing import draw_negatives, draw_positives, related

LABELS = np.column_stack([np.repeat(np.arange(20), 10), np.arange(200) % 7])
GROUP = np.arange(200)


def test_positives_share_the_label_each_pair_once() -> None:
    members = np.arange(0, 200, 2)
    pairs = draw_positives(LABELS[:, 0], GROUP, members, 3, seed=0)
    assert np.isin(pairs, members).all()
    assert (LABELS[pairs[:, 0], 0] == LABELS[pairs[:, 1], 0]).all()
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    assert len(pairs) >= 20 * 4  # five members a label, three partners each: nearly all of the ten pairs
    everything = draw_positives(LABELS[:, 0], GROUP, members, 10, seed=0)
    assert len(everything) == 20 * 10


def test_images_of_one_group_make_no_pair_unless_that_is_asked_for() -> None:
    group = GROUP // 2
    assert (group[draw_positives(LABELS[:, 0], group, GROUP, 20, 0)] @ [1, -1]).all()
    assert len(draw_positives(group, None, GROUP, 20, 0)) == 100
    assert len(draw_positives(group, group, GROUP, 20, 0)) == 0
    assert len(draw_positives(np.full(200, -1), GROUP, GROUP, 20, 0)) == 0


def test_negatives_are_related_by_no_rule() -> None:
    anchors = np.repeat(GROUP, 30)
    pool = (GROUP >= 100).astype(int)
    group = GROUP.copy()
    group[3] = group[150]
    found = draw_negatives(anchors, LABELS, group, pool, GROUP, seed=0)
    assert (found >= 0).all()
    assert not related(LABELS, anchors, found).any()
    assert (pool[anchors] == pool[found]).all()
    assert (group[anchors] != group[found]).all()
    assert len(np.unique(found)) == 200


def test_where_all_is_related_there_is_no_negative() -> None:
    assert draw_negatives(GROUP[:5], np.zeros((200, 1), int), GROUP, GROUP * 0, GROUP, 0).tolist() == [-1] * 5
    assert draw_negatives(GROUP[:2], LABELS, GROUP, GROUP * 0, GROUP[:0], 0).tolist() == [-1, -1]


def test_an_unknown_label_relates_nothing() -> None:
    assert related(np.array([[-1, 0], [-1, 1], [2, 0]]), np.array([0, 0]), np.array([1, 2])).tolist() == [False, True]
