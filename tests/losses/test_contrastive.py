"""The contrastive loss against its formula."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import ContrastiveLoss
from pytorch_metric_learning.reducers import DoNothingReducer
from torch import Tensor

from tlk.losses.contrastive import Contrastive
from tlk.losses.registry import ContrastiveParameters

Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]


def from_the_formula(anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float) -> float:
    """The mean over the 2b pairs of ½ · (1 − y) · D² + ½ · y · max(0, m − D)², y = 1 for dissimilar pairs."""
    costs = []
    for anchor, positive, negative in zip(anchors.numpy(), positives.numpy(), negatives.numpy(), strict=True):
        for other, y in ((positive, 0), (negative, 1)):
            distance = np.sqrt(sum((a - o) ** 2 for a, o in zip(anchor, other, strict=True)))
            costs.append(0.5 * (1 - y) * distance**2 + 0.5 * y * max(0, margin - distance) ** 2)
    return float(np.mean(costs))


def from_the_other_library(anchors: Tensor, positives: Tensor, negatives: Tensor, margin: float) -> Tensor:
    """Its costs are D and max(0, m − D), one a pair: here they are squared, halved and averaged."""
    oracle = ContrastiveLoss(0, margin, distance=LpDistance(normalize_embeddings=False), reducer=DoNothingReducer())
    b = len(anchors)
    own = torch.arange(b)
    embeddings = torch.cat([anchors, positives, negatives])
    parts = oracle(embeddings, indices_tuple=(own, own + b, own, own + 2 * b))
    costs: Tensor = torch.cat([parts["pos_loss"]["losses"], parts["neg_loss"]["losses"]])
    return costs.square().mean() / 2


@pytest.mark.parametrize("b", [1, 2, 7])
@pytest.mark.parametrize("margin", [0.5, 3.0])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_loss_is_that_of_the_formula(
    draw: Draw, b: int, margin: float, dtype: torch.dtype, tolerance: float
) -> None:
    triple = draw(b)
    loss = Contrastive(ContrastiveParameters(margin=margin))(*(x.to(dtype) for x in triple))
    assert loss.item() == pytest.approx(from_the_formula(*triple, margin), rel=tolerance)


@pytest.mark.parametrize("margin", [0.5, 3.0])
def test_loss_and_gradients_are_those_of_the_other_library(draw: Draw, margin: float) -> None:
    ours, theirs = ([x.requires_grad_() for x in draw(7)] for _ in range(2))
    loss = Contrastive(ContrastiveParameters(margin=margin))(*ours)
    expected = from_the_other_library(*theirs, margin)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    for gradient, wanted in zip(torch.autograd.grad(loss, ours), torch.autograd.grad(expected, theirs), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-7, atol=1e-9)


def test_gradients_are_right(draw: Draw) -> None:
    triple = tuple(x.requires_grad_() for x in draw(4, 3))
    assert torch.autograd.gradcheck(Contrastive(ContrastiveParameters(margin=3.0)), triple)


def test_similar_pairs_apart_cost_and_dissimilar_pairs_apart_do_not() -> None:
    """The direction: y = 1 means dissimilar."""
    loss = Contrastive(ContrastiveParameters())
    here, there = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])
    assert loss(here, here, there).item() == 0
    assert loss(here, there, there).item() == pytest.approx(5**2 / 2 / 2)
    assert loss(here, here, here).item() == pytest.approx(0.5**2 / 2 / 2)


def test_swapping_positives_and_negatives_costs_more(draw: Draw) -> None:
    anchors, positives, negatives = draw(6)
    loss = Contrastive(ContrastiveParameters())
    assert loss(anchors, negatives, positives) > loss(anchors, positives, negatives) + 0.5


def test_a_step_against_the_gradient_draws_positives_near_and_pushes_negatives_away() -> None:
    anchors = torch.zeros(1, 2)
    positives = torch.tensor([[0.3, 0.0]], requires_grad=True)
    negatives = torch.tensor([[0.0, 0.3]], requires_grad=True)
    Contrastive(ContrastiveParameters())(anchors, positives, negatives).backward()
    assert positives.grad is not None
    assert positives.grad[0, 0] > 0
    assert negatives.grad is not None
    assert negatives.grad[0, 1] < 0


@pytest.mark.parametrize("apart", [0, 1e-30, 1e-20])
def test_no_distance_gives_a_finite_gradient(apart: float) -> None:
    anchors = torch.zeros(2, 3, requires_grad=True)
    loss = Contrastive(ContrastiveParameters())(anchors, anchors + apart, anchors.detach() + apart)
    loss.backward()
    assert loss.item() == pytest.approx(0.5**2 / 4)
    assert anchors.grad is not None
    assert anchors.grad.abs().max() <= 0.5


@pytest.mark.parametrize("margin", [0, -1, 1001, float("nan")])
def test_the_margin_has_bounds(margin: float) -> None:
    with pytest.raises(ValidationError):
        ContrastiveParameters(margin=margin)
