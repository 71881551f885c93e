"""The hardest negatives below the positive."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tlk.miners.registry import SemiHardParameters
from tlk.miners.semi_hard import SemiHard


def minus_l1(queries: Tensor, gallery: Tensor) -> Tensor:
    return -torch.cdist(queries, gallery, p=1)


def own_similarity(anchors: Tensor, positives: Tensor) -> Tensor:
    return -(anchors - positives).abs().sum(dim=1)


def test_only_candidates_less_similar_than_the_positive_are_selected() -> None:
    anchors = torch.tensor([[0.0], [0.0], [0.0]])
    positives = torch.tensor([[2.0], [-4.5], [9.0]])
    gallery = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
    miner = SemiHard(SemiHardParameters(k=2))
    chosen = miner.select(
        minus_l1,
        anchors,
        own_similarity(anchors, positives),
        gallery,
        torch.tensor([0, 1, 2]),
        torch.tensor([3, 3, 0, 3, 3]),
    )
    # 1 and 2 are too hard for the first and 3 is its own; only 5 is left to the second, and nothing to the third
    assert chosen.tolist() == [[3, 4], [4, -1], [-1, -1]]


@given(n=st.integers(0, 100), m=st.integers(0, 60), k=st.integers(1, 70), seed=st.integers(0, 999))
def test_the_selection_is_the_sorted_list_cut_at_the_positive(n: int, m: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    anchors, positives, gallery = (
        torch.from_numpy(random.integers(-9, 10, size=(size, 2))).float() for size in (n, n, m)
    )
    groups = [torch.from_numpy(random.integers(5, size=size)) for size in (n, m)]
    chosen = SemiHard(SemiHardParameters(k=k)).select(
        minus_l1, anchors, own_similarity(anchors, positives), gallery, *groups
    )
    assert chosen.shape == (n, k)
    scores = minus_l1(anchors, gallery)
    for row, anchor, positive, score, group in zip(chosen.tolist(), anchors, positives, scores, groups[0], strict=True):
        own = -(anchor - positive).abs().sum()
        allowed = [j for j in range(m) if score[j] < own and groups[1][j] != group]
        expected = sorted(allowed, key=lambda j: -score[j].item())[:k]
        assert row == expected + [-1] * (k - len(expected))


def test_a_positive_that_is_no_number_leaves_nothing_to_select() -> None:
    anchors, group = torch.tensor([[0.0], [0.0]]), torch.arange(2)
    positives = torch.tensor([[float("nan")], [1.0]])
    miner = SemiHard(SemiHardParameters(k=1))
    chosen = miner.select(
        minus_l1, anchors, own_similarity(anchors, positives), torch.tensor([[5.0], [7.0]]), group, group + 2
    )
    assert chosen.tolist() == [[-1], [0]]
