"""A loss of parts is the mean of the losses, and no part feels another."""

import torch

from tlk.losses.info_nce import InfoNCE
from tlk.losses.per_part import PerPart
from tlk.losses.registry import InfoNCEParameters


def draw(count: int, width: int = 12) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.randn(6, width, generator=random, requires_grad=True) for _ in range(count)]


def test_it_is_the_mean_over_the_parts() -> None:
    loss = InfoNCE(InfoNCEParameters())
    anchors, positives, negatives = draw(3)
    for given in ((anchors, positives), (anchors, positives, None), (anchors, positives, negatives)):
        cut = [[None] * 3 if part is None else part.split(4, dim=1) for part in given]
        expected = sum(loss(*parts) for parts in zip(*cut, strict=True)) / 3
        torch.testing.assert_close(PerPart(loss, 3)(*given), expected)


def test_a_part_feels_no_other() -> None:
    loss = PerPart(InfoNCE(InfoNCEParameters()), 3)
    anchors, positives = draw(2)
    (first,) = torch.autograd.grad(loss(anchors, positives), anchors)
    changed = positives.detach().clone()
    changed[:, 4:] = 0.5
    (second,) = torch.autograd.grad(loss(anchors, changed), anchors)
    torch.testing.assert_close(first[:, :4], second[:, :4])
    assert not torch.allclose(first[:, 4:], second[:, 4:])
