"""The blocked search against hand-worked matrices and a full argsort; its memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tlk.miners.nearest import Similarity, nearest


def dot(queries: Tensor, gallery: Tensor) -> Tensor:
    return queries @ gallery.T


def minus_l1(queries: Tensor, gallery: Tensor) -> Tensor:
    return -torch.cdist(queries, gallery, p=1)


def euclidean(queries: Tensor, gallery: Tensor) -> Tensor:
    """Of `(n, o, d)`: the best of all pairs of orientations."""
    return -((queries[:, None, :, None] - gallery[None, :, None]) ** 2).sum(-1).amin((2, 3))


def naive(scores: Tensor, forbidden: Tensor, k: int) -> np.ndarray:
    """The same from the full `(n, m)` matrix, by a stable argsort."""
    values = np.where(forbidden.numpy() | ~np.isfinite(scores.numpy()), np.inf, -scores.numpy())
    order = np.argsort(values, axis=1, kind="stable")[:, :k]
    order[np.take_along_axis(values, order, 1) == np.inf] = -1
    return np.pad(order, ((0, 0), (0, k - order.shape[1])), constant_values=-1)


def looked_up(matrix: list[list[float]]) -> tuple[Similarity, Tensor, Tensor]:
    """A similarity that looks rows and columns up, and the anchors and gallery to give it."""
    table = torch.tensor(matrix)
    return lambda a, g: table[a][:, g], torch.arange(len(matrix)), torch.arange(len(matrix[0]))


def whole(*shape: int, random: np.random.Generator) -> Tensor:
    """Small whole numbers: products are exact, whatever the block, and ties abound."""
    return torch.from_numpy(random.integers(-2, 3, shape)).float()


def test_a_matrix_worked_by_hand() -> None:
    similarity, anchors, gallery = looked_up([[0.9, 0.1, 0.5, 0.7], [0.2, 0.8, 0.8, 0.3], [0.4, 0.3, 0.2, 0.1]])
    found = nearest(similarity, anchors, gallery, torch.tensor([0, 1, 2]), torch.tensor([0, 1, 3, 3]), 2)
    # its own candidate, column 0, is forbidden to the first; column 1 to the second; nothing to the third
    assert found.tolist() == [[3, 2], [2, 3], [0, 1]]
    assert found.dtype == torch.int64


def test_what_is_missing_is_minus_one_and_comes_last() -> None:
    similarity, anchors, gallery = looked_up([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.1, 0.3, 0.2]])
    found = nearest(similarity, anchors, gallery, torch.tensor([7, 8, 9]), torch.tensor([7, 8, 8]), 4)
    assert found.tolist() == [[2, 1, -1, -1], [0, -1, -1, -1], [1, 2, 0, -1]]
    everything_forbidden = nearest(similarity, anchors, gallery, torch.zeros(3).long(), torch.zeros(3).long(), 2)
    assert everything_forbidden.tolist() == [[-1, -1]] * 3


def test_bounds_are_strict() -> None:
    similarity, anchors, gallery = looked_up([[0.5, 0.4, 0.6, 0.3]] * 4)
    below = torch.tensor([0.5, 0.61, 0.3, float("nan")])
    found = nearest(similarity, anchors, gallery, torch.arange(4), torch.arange(4, 8), 3, below)
    assert found.tolist() == [[1, 3, -1], [2, 0, 1], [-1, -1, -1], [-1, -1, -1]]


@pytest.mark.parametrize("block", [(1, 1), (2, 2), (8, 8)])
def test_what_is_not_a_finite_number_is_never_selected(block: tuple[int, int]) -> None:
    nan, inf = float("nan"), float("inf")
    similarity, anchors, gallery = looked_up([[nan, 0.1, 0.2, nan], [nan] * 4, [inf, -inf, 0.1, 0.2], [0.1] * 4])
    found = nearest(similarity, anchors, gallery, torch.arange(4), torch.arange(4, 8), 3, block=block)
    assert found.tolist() == [[2, 1, -1], [-1, -1, -1], [3, 2, -1], [0, 1, 2]]


@pytest.mark.parametrize("block", [(1, 1), (3, 2), (3, 5), (64, 64)])
def test_ties_go_to_the_smaller_row(block: tuple[int, int]) -> None:
    similarity, anchors, gallery = looked_up([[0.5] * 9, [0.1, 0.5, 0.1, 0.9, 0.5, 0.9, 0.5, 0.1, 0.5]])
    found = nearest(similarity, anchors, gallery, torch.tensor([1, 2]), torch.tensor([1, *[0] * 8]), 4, block=block)
    assert found.tolist() == [[1, 2, 3, 4], [3, 5, 1, 4]]


@given(
    n=st.integers(0, 9),
    m=st.integers(0, 12),
    k=st.integers(1, 15),
    groups=st.integers(1, 8),
    block=st.tuples(st.integers(1, 10), st.integers(1, 13)),
    bounded=st.booleans(),
    seed=st.integers(0, 999),
)
def test_blocks_find_what_a_full_argsort_finds(
    n: int, m: int, k: int, groups: int, block: tuple[int, int], bounded: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    anchors, gallery = whole(n, 3, random=random), whole(m, 3, random=random)
    anchor_group, gallery_group = (torch.from_numpy(random.integers(groups, size=size)) for size in (n, m))
    below = whole(n, random=random) if bounded else None
    for similarity in (dot, minus_l1):
        scores = similarity(anchors, gallery)
        forbidden = anchor_group[:, None] == gallery_group
        if below is not None:
            forbidden |= scores >= below[:, None]
        found = nearest(similarity, anchors, gallery, anchor_group, gallery_group, k, below, block)
        assert np.array_equal(found, naive(scores, forbidden, k))


@pytest.mark.parametrize("block", [(64, 50), (64, 51), (7, 400), (200, 20), (1024, 4096)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_larger_searches_keep_their_promises_whatever_the_block(block: tuple[int, int], dtype: torch.dtype) -> None:
    random = np.random.default_rng(0)
    anchors, gallery = (torch.from_numpy(random.normal(size=(size, 8))).to(dtype) for size in (130, 307))
    anchor_group, gallery_group = (torch.from_numpy(random.integers(40, size=size)) for size in (130, 307))
    found = nearest(dot, anchors, gallery, anchor_group, gallery_group, 20, block=block)
    assert np.array_equal(found, naive(dot(anchors, gallery), anchor_group[:, None] == gallery_group, 20))
    assert not (gallery_group[found] == anchor_group[:, None]).any()
    assert all(len(set(row)) == 20 for row in found.tolist())
    assert (dot(anchors, gallery).gather(1, found).diff(dim=1) <= 0).all()


def test_embeddings_may_have_any_shape_and_half_precision() -> None:
    random = np.random.default_rng(1)
    anchors, gallery = whole(5, 2, 3, random=random), whole(11, 2, 3, random=random)
    groups = torch.arange(5), torch.arange(11)
    expected = naive(euclidean(anchors, gallery), groups[0][:, None] == groups[1], 4)
    for dtype in (torch.float32, torch.bfloat16):
        found = nearest(euclidean, anchors.to(dtype), gallery.to(dtype), *groups, 4, block=(2, 3))
        assert np.array_equal(found, expected)


def test_inputs_and_similarities_stay_as_they_were_and_nothing_is_differentiated() -> None:
    table = torch.tensor([[0.3, 0.2], [0.1, float("nan")]], requires_grad=True)
    before = table.detach().clone()
    below = torch.tensor([0.9, 0.9])

    def similarity(queries: Tensor, gallery: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        return table

    found = nearest(similarity, torch.ones(2, 1), torch.ones(2, 1), torch.arange(2), torch.arange(2), 1, below)
    assert found.tolist() == [[1], [0]]
    assert torch.equal(table.detach().nan_to_num(), before.nan_to_num())


def test_an_empty_gallery_and_no_anchors() -> None:
    none, some, groups = torch.empty(0, 3), torch.ones(2, 3), torch.arange(2)
    assert nearest(dot, some, none, groups, groups[:0], 3).tolist() == [[-1] * 3] * 2
    assert nearest(dot, none, some, groups[:0], groups, 3).shape == (0, 3)


MEMORY = """
import torch
from tlk.miners.nearest import nearest

def kilobytes(what):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(what))

random = torch.Generator().manual_seed(0)
anchors, gallery = (torch.randn(20_000, 64, generator=random) for _ in range(2))
group = torch.arange(20_000)
before = kilobytes("VmRSS:")
nearest(lambda a, g: a @ g.T, anchors, gallery, group, group, 20, BOUNDS)
print((kilobytes("VmHWM:") - before) / 1024)
"""


# VmHWM, not getrusage: a child's ru_maxrss starts from the peak of the process that started it.
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak from /proc")
@pytest.mark.parametrize("bounds", ["None", "torch.zeros(20_000)"])
def test_memory_is_bounded_by_the_block(bounds: str) -> None:
    command = [sys.executable, "-c", MEMORY.replace("BOUNDS", bounds)]
    grown = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert grown < 300  # MiB; the full matrix has 1,526
