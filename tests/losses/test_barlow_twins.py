"""Barlow Twins against the paper's pseudocode."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tlk.losses.barlow_twins import BarlowTwins
from tlk.losses.registry import BarlowTwinsParameters

Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]


def from_the_pseudocode(anchors: np.ndarray, positives: np.ndarray, redundancy: float) -> float:
    """The paper's listing 1, with the variance of batch normalisation: biased, and a little added."""
    n, d = anchors.shape
    z_a = (anchors - anchors.mean(0)) / np.sqrt(anchors.var(0) + 1e-5)
    z_b = (positives - positives.mean(0)) / np.sqrt(positives.var(0) + 1e-5)
    loss = 0.0
    for i in range(d):
        for j in range(d):
            c = sum(z_a[k, i] * z_b[k, j] for k in range(n)) / n
            loss += (c - 1) ** 2 if i == j else redundancy * c**2
    return float(loss)


def from_batch_norm(anchors: Tensor, positives: Tensor, redundancy: float) -> Tensor:
    """As its authors' own code: batch normalisation without weights, then the two sums."""
    standardise = nn.BatchNorm1d(anchors.shape[1], affine=False).double()
    c = standardise(anchors).T @ standardise(positives) / len(anchors)
    on_diagonal = c.diagonal()
    return (on_diagonal - 1).square().sum() + redundancy * (c.square().sum() - on_diagonal.square().sum())


@pytest.mark.parametrize(("b", "d"), [(2, 3), (8, 5), (5, 8), (4, 1)])
@pytest.mark.parametrize("redundancy", [0.0051, 0, 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_the_loss_is_that_of_the_pseudocode(
    draw: Draw, b: int, d: int, redundancy: float, dtype: torch.dtype, tolerance: float
) -> None:
    anchors, positives, _ = draw(b, d)
    loss = BarlowTwins(BarlowTwinsParameters(redundancy=redundancy))(anchors.to(dtype), positives.to(dtype))
    assert loss.item() == pytest.approx(
        from_the_pseudocode(anchors.numpy(), positives.numpy(), redundancy), abs=tolerance
    )


@pytest.mark.parametrize("redundancy", [0.0051, 1])
def test_loss_and_gradients_are_those_of_batch_normalisation(draw: Draw, redundancy: float) -> None:
    ours, theirs = ([x.requires_grad_() for x in draw(7)[:2]] for _ in range(2))
    loss = BarlowTwins(BarlowTwinsParameters(redundancy=redundancy))(*ours)
    expected = from_batch_norm(theirs[0], theirs[1], redundancy)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    for gradient, wanted in zip(torch.autograd.grad(loss, ours), torch.autograd.grad(expected, theirs), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-7, atol=1e-10)


def test_gradients_are_right(draw: Draw) -> None:
    pair = tuple(x.requires_grad_() for x in draw(5, 3)[:2])
    assert torch.autograd.gradcheck(BarlowTwins(BarlowTwinsParameters(redundancy=0.5)), pair)


def test_pairs_that_agree_in_dimensions_that_do_not_cost_nothing() -> None:
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    loss = BarlowTwins(BarlowTwinsParameters(redundancy=1))
    assert loss(signs, 100 * signs - 7).item() == pytest.approx(0, abs=1e-8)
    assert loss(signs, -signs).item() == pytest.approx(2 * 2**2, rel=1e-4)
    assert loss(signs, signs.flip(1)).item() == pytest.approx(2 + 2, rel=1e-4)
    assert loss(signs[:, :1].repeat(1, 2), signs[:, :1].repeat(1, 2)).item() == pytest.approx(2, rel=1e-4)


def test_wrong_positives_cost_more_and_redundancy_weighs_only_other_dimensions(draw: Draw) -> None:
    anchors, positives, _ = draw(12)
    none, some, much = (BarlowTwins(BarlowTwinsParameters(redundancy=r)) for r in (0, 0.25, 1))
    assert none(anchors, positives.roll(1, dims=0)) > none(anchors, positives) + 1
    rise = (much(anchors, positives) - none(anchors, positives)).item()
    assert rise > 0
    assert some(anchors, positives).item() == pytest.approx(none(anchors, positives).item() + rise / 4)


def test_a_dimension_that_is_constant_costs_one_and_gives_a_finite_gradient(draw: Draw) -> None:
    anchors, positives = (x.float() for x in draw(6, 4)[:2])
    loss = BarlowTwins(BarlowTwinsParameters())
    without = loss(anchors[:, 1:], positives[:, 1:]).item()
    anchors[:, 0] = positives[:, 0] = 0.3
    value = loss(anchors.requires_grad_(), positives)
    value.backward()
    assert value.item() == pytest.approx(without + 1, abs=1e-3)
    assert anchors.grad is not None
    assert torch.isfinite(anchors.grad).all()


def test_a_batch_of_one_agrees_in_nothing_and_teaches_nothing(draw: Draw) -> None:
    anchors, positives = (x.requires_grad_() for x in draw(1)[:2])
    value = BarlowTwins(BarlowTwinsParameters())(anchors, positives)
    value.backward()
    assert value.item() == 5
    assert anchors.grad is not None
    assert torch.equal(anchors.grad, torch.zeros(1, 5, dtype=torch.float64))


@pytest.mark.parametrize("redundancy", [-0.1, 1.1, float("nan")])
def test_the_redundancy_has_bounds(redundancy: float) -> None:
    with pytest.raises(ValidationError):
        BarlowTwinsParameters(redundancy=redundancy)
