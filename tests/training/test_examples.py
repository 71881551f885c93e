"""Batches: every pair once an epoch, and the same draws whoever makes them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from tlk.training.examples import Batch, Examples, Share, batches_in_epoch, draw_batches
from tlk.training.negatives import RandomNegatives

Make = Callable[..., Examples]


def drawn(examples: Examples, size: int, epoch: int = 0, share: Share | None = None, seed: int = 0) -> list[Batch]:
    return list(draw_batches(examples, size, RandomNegatives(examples, seed), seed, epoch, share or Share()))


def joined(batches: list[Batch]) -> Tensor:
    """Return `(n, 3, 2)` image numbers and seeds of anchors, positives and negatives."""
    sides = [torch.stack([b.anchors, b.positives, b.negatives], dim=1) for b in batches if b.negatives is not None]
    return torch.cat(sides)


def test_every_pair_comes_exactly_once_an_epoch(numbered: Make) -> None:
    for epoch in range(3):
        everything = joined(drawn(numbered(101), 16, epoch))
        assert sorted(everything[:, 0, 0].tolist()) == list(range(101))
        assert torch.equal(everything[:, 1, 0], everything[:, 0, 0] + 101)


@pytest.mark.parametrize(("pairs", "size"), [(101, 16), (96, 32), (5, 32), (33, 32), (2, 2)])
def test_batches_are_as_equal_as_can_be_and_none_too_large(numbered: Make, pairs: int, size: int) -> None:
    sizes = [len(batch) for batch in drawn(numbered(pairs), size)]
    assert len(sizes) == batches_in_epoch(pairs, size)
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


def test_epochs_and_seeds_draw_anew_and_the_same_ones_alike(numbered: Make) -> None:
    examples = numbered(50)
    first = joined(drawn(examples, 16))
    assert torch.equal(first, joined(drawn(examples, 16)))
    for other in (joined(drawn(examples, 16, epoch=1)), joined(drawn(examples, 16, seed=1))):
        assert not torch.equal(first[:, 0, 0], other[:, 0, 0])  # the order
        order, other_order = first[:, 0, 0].argsort(), other[:, 0, 0].argsort()
        assert not torch.equal(first[order][:, :2, 1], other[other_order][:, :2, 1])  # the augmentations


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_see_together_what_one_sees_alone(numbered: Make, processes: int) -> None:
    examples = numbered(96)  # batches of 12, which 2 and 3 divide
    alone = drawn(examples, 12)
    shares = [drawn(examples, 12, share=Share(rank, processes)) for rank in range(processes)]
    for number, batch in enumerate(alone):
        parts = [share[number] for share in shares]
        assert {len(part) for part in parts} == {len(batch) // processes}
        assert torch.equal(joined(parts), joined([batch]))


@pytest.mark.parametrize("processes", [2, 3])
def test_what_cannot_be_shared_out_waits(numbered: Make, processes: int) -> None:
    examples = numbered(101)
    alone = drawn(examples, 16)
    shares = [drawn(examples, 16, share=Share(rank, processes)) for rank in range(processes)]
    assert {len(share) for share in shares} == {len(alone)}
    for batch, *parts in zip(alone, *shares, strict=True):
        together, whole = joined(parts), joined([batch])
        assert len({len(part) for part in parts}) == 1  # a collective operation needs equal parts
        assert torch.equal(together, whole[: len(together)])
        assert len(whole) - len(together) < processes


def test_without_a_source_there_are_no_negatives(numbered: Make) -> None:
    assert all(batch.negatives is None for batch in draw_batches(numbered(9), 4, None, 0, 0, Share()))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_parts_are_the_batch_and_none_is_empty(count: int) -> None:
    (anchors, positives, negatives), groups = torch.randn(3, 7, 4), torch.arange(7)
    for batch in (Batch(anchors, positives, negatives, groups), Batch(anchors, positives, None, groups)):
        parts = batch.parts(count)
        assert len(parts) == min(count, 7)
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1
        assert torch.equal(torch.cat([part.anchors for part in parts]), anchors)
        assert torch.equal(torch.cat([part.positives for part in parts]), positives)
        assert torch.equal(torch.cat([part.groups for part in parts]), groups)
        if batch.negatives is None:
            assert all(part.negatives is None for part in parts)
        else:
            assert torch.equal(torch.cat([part.negatives for part in parts if part.negatives is not None]), negatives)


def test_some_of_the_pairs_by_mask_or_number(numbered: Make) -> None:
    examples = numbered(6, np.array([0, 0, 1, 1, 2, 2]))
    mask = np.array([True, False, False, True, False, False])
    for chosen in (mask, np.array([0, 3])):
        some = examples.of(chosen)
        assert some.left.tolist() == [0, 3]
        assert some.right.tolist() == [6, 9]
        assert some.group.tolist() == [0, 1]
        assert some.images.tolist() == [0, 3, 6, 9]
        assert len(some) == 2
