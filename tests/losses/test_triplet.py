"""The triplet loss against its formula."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor

from tlk.losses.registry import TripletParameters
from tlk.losses.triplet import Triplet

Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]


def from_the_formula(anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float) -> float:
    """L = mean_i max(0, D(a_i, p_i) − D(a_i, n_i) + m)."""
    total = 0.0
    for a, p, n in zip(anchors.numpy(), positives.numpy(), negatives.numpy(), strict=True):
        total += max(0, np.sqrt(sum((a - p) ** 2)) - np.sqrt(sum((a - n) ** 2)) + margin)
    return total / len(anchors)


def from_the_other_library(anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    oracle = TripletMarginLoss(margin, distance=LpDistance(normalize_embeddings=False), reducer=MeanReducer())
    b = len(anchors)
    own = torch.arange(b)
    result: Tensor = oracle(torch.cat([anchors, positives, negatives]), indices_tuple=(own, own + b, own + 2 * b))
    return result


def from_torch(anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    return torch.nn.functional.triplet_margin_loss(anchors, positives, negatives, margin, eps=0)


@pytest.mark.parametrize("b", [1, 2, 7])
@pytest.mark.parametrize("margin", [0.5, 3.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_loss_is_that_of_the_formula(
    draw: Draw, b: int, margin: float, dtype: torch.dtype, tolerance: float
) -> None:
    triple = draw(b)
    loss = Triplet(TripletParameters(margin=margin))(*(x.to(dtype) for x in triple))
    assert loss.item() == pytest.approx(from_the_formula(*triple, margin), abs=tolerance)


@pytest.mark.parametrize("oracle", [from_the_other_library, from_torch])
@pytest.mark.parametrize("margin", [2.5, 4.0])
def test_loss_and_gradients_are_those_of_others(draw: Draw, oracle: Callable[..., Tensor], margin: float) -> None:
    ours, theirs = ([x.requires_grad_() for x in draw(7)] for _ in range(2))
    loss = Triplet(TripletParameters(margin=margin))(*ours)
    expected = oracle(*theirs, margin)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    assert loss > 0
    for gradient, wanted in zip(torch.autograd.grad(loss, ours), torch.autograd.grad(expected, theirs), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-7, atol=1e-9)


def test_gradients_are_right(draw: Draw) -> None:
    triple = tuple(x.requires_grad_() for x in draw(4, 3))
    assert torch.autograd.gradcheck(Triplet(TripletParameters(margin=3.0)), triple)


def test_triplets_that_cost_nothing_count_in_the_mean() -> None:
    anchors = torch.zeros(4, 2)
    positives = torch.tensor([[1.0, 0], [1, 0], [1, 0], [1, 0]])
    negatives = torch.tensor([[0.0, 1], [9, 0], [9, 0], [0, 1.5]])
    assert Triplet(TripletParameters())(anchors, positives, negatives).item() == pytest.approx(0.5 / 4)


def test_swapping_positives_and_negatives_costs_more(draw: Draw) -> None:
    anchors, positives, negatives = draw(6)
    loss = Triplet(TripletParameters())
    assert loss(anchors, negatives, positives) > loss(anchors, positives, negatives) + 0.5


def test_no_distance_costs_the_margin_and_gives_a_finite_gradient() -> None:
    anchors = torch.zeros(2, 3, requires_grad=True)
    loss = Triplet(TripletParameters())(anchors, anchors.detach(), anchors.detach())
    loss.backward()
    assert loss.item() == 0.5
    assert anchors.grad is not None
    assert torch.equal(anchors.grad, torch.zeros(2, 3))


def test_where_only_the_positive_is_at_the_anchor_the_negative_is_still_pushed_away() -> None:
    anchors, positives = torch.zeros(2, 1, 2)
    negatives = torch.tensor([[0.1, 0.0]], requires_grad=True)
    Triplet(TripletParameters())(anchors, positives, negatives).backward()
    assert negatives.grad is not None
    assert negatives.grad.tolist() == [[-1, 0]]


@pytest.mark.parametrize("margin", [0, -1, 1001, float("nan")])
def test_the_margin_has_bounds(margin: float) -> None:
    with pytest.raises(ValidationError):
        TripletParameters(margin=margin)
