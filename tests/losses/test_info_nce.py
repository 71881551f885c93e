"""InfoNCE against its formula."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from pytorch_metric_learning.losses import NTXentLoss
from torch import Tensor

from tlk.losses.info_nce import InfoNCE
from tlk.losses.registry import InfoNCEParameters

Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]


def from_the_formula(
    anchors: np.ndarray, positives: np.ndarray, temperature: float, negatives: np.ndarray | None = None
) -> float:
    """L = ½ · mean_i [ −log softmax_j(a_i·p_j / τ)_i − log softmax_j(a_j·p_i / τ)_i ], the first with a_i·n_i."""
    anchors = anchors / np.linalg.norm(anchors, axis=1, keepdims=True)
    positives = positives / np.linalg.norm(positives, axis=1, keepdims=True)
    total = 0.0
    for i in range(len(anchors)):
        own = np.exp(anchors[i] @ positives[i] / temperature)
        forth = sum(np.exp(anchors[i] @ other / temperature) for other in positives)
        if negatives is not None:
            forth += np.exp(anchors[i] @ negatives[i] / np.linalg.norm(negatives[i]) / temperature)
        back = sum(np.exp(other @ positives[i] / temperature) for other in anchors)
        total += -np.log(own / forth) - np.log(own / back)
    return float(total / len(anchors) / 2)


def from_the_other_library(
    anchors: Tensor, positives: Tensor, temperature: float, negatives: Tensor | None = None
) -> Tensor:
    """Its loss has one direction: here it is the mean of both, with every pair that counts named."""
    oracle = NTXentLoss(temperature)
    b = len(anchors)
    own = torch.arange(b)
    rows, columns = torch.where(~torch.eye(b, dtype=torch.bool))
    forth_rows, forth_columns, others = rows, columns, positives
    if negatives is not None:
        others = torch.cat([positives, negatives])
        forth_rows, forth_columns = torch.cat([rows, own]), torch.cat([columns, own + b])
    forth: Tensor = oracle(anchors, indices_tuple=(own, own, forth_rows, forth_columns), ref_emb=others)
    back: Tensor = oracle(positives, indices_tuple=(own, own, rows, columns), ref_emb=anchors)
    return (forth + back) / 2


@pytest.mark.parametrize("b", [2, 3, 8])
@pytest.mark.parametrize("temperature", [0.07, 0.5, 10])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_the_loss_is_that_of_the_formula(
    draw: Draw, b: int, temperature: float, dtype: torch.dtype, tolerance: float
) -> None:
    triple = draw(b)
    anchors, positives, negatives = (x.numpy() for x in triple)
    loss = InfoNCE(InfoNCEParameters(temperature=temperature))
    alone, mined = loss(*(x.to(dtype) for x in triple[:2])), loss(*(x.to(dtype) for x in triple))
    assert alone.item() == pytest.approx(from_the_formula(anchors, positives, temperature), abs=tolerance)
    assert mined.item() == pytest.approx(from_the_formula(anchors, positives, temperature, negatives), abs=tolerance)


@pytest.mark.parametrize("given", [2, 3], ids=["without negatives", "with negatives"])
@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_loss_and_gradients_are_those_of_the_other_library(draw: Draw, given: int, temperature: float) -> None:
    ours, theirs = ([x.requires_grad_() for x in draw(7)[:given]] for _ in range(2))
    loss = InfoNCE(InfoNCEParameters(temperature=temperature))(*ours)
    expected = from_the_other_library(theirs[0], theirs[1], temperature, *theirs[2:])
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    for gradient, wanted in zip(torch.autograd.grad(loss, ours), torch.autograd.grad(expected, theirs), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("given", [2, 3], ids=["without negatives", "with negatives"])
def test_gradients_are_right(draw: Draw, given: int) -> None:
    triple = tuple(x.requires_grad_() for x in draw(4, 3)[:given])
    assert torch.autograd.gradcheck(InfoNCE(InfoNCEParameters(temperature=0.5)), triple)


def test_wrong_positives_cost_more(draw: Draw) -> None:
    anchors, positives, _ = draw(6)
    loss = InfoNCE(InfoNCEParameters())
    assert loss(anchors, positives.roll(1, dims=0)) > loss(anchors, positives) + 1
    assert loss(anchors, -positives) > loss(anchors, positives) + 1


def test_swapping_positives_and_negatives_costs_more_and_so_do_nearer_negatives(draw: Draw) -> None:
    anchors, positives, negatives = draw(6)
    loss = InfoNCE(InfoNCEParameters())
    expected = loss(anchors, positives, negatives)
    assert loss(anchors, negatives, positives) > expected + 1
    assert loss(anchors, positives, anchors) > expected > loss(anchors, positives)
    assert loss(anchors, positives, -anchors) < expected


def test_a_negative_is_compared_with_its_own_anchor_only(draw: Draw) -> None:
    """In a batch of two, the cost of a negative far from its own anchor does not depend on the other anchor."""
    anchors = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    loss = InfoNCE(InfoNCEParameters(temperature=0.05))
    own, others = loss(anchors, anchors, anchors), loss(anchors, anchors, anchors.flip(0))
    assert own.item() == pytest.approx(np.log(2) / 2, abs=1e-6)
    assert others.item() == pytest.approx(0, abs=1e-6)


def test_a_step_against_the_gradient_brings_pairs_together(draw: Draw) -> None:
    anchors, positives, _ = draw(6)
    loss = InfoNCE(InfoNCEParameters(temperature=0.5))
    anchors.requires_grad_()
    before = loss(anchors, positives)
    before.backward()
    assert anchors.grad is not None
    assert loss(anchors - 0.1 * anchors.grad, positives) < before


def test_lengths_do_not_matter_nor_which_side_is_which_nor_the_order_of_the_batch(draw: Draw) -> None:
    anchors, positives, negatives = draw(6)
    loss = InfoNCE(InfoNCEParameters())
    expected = loss(anchors, positives).item()
    scales = torch.linspace(0.1, 9, 6, dtype=torch.float64)[:, None]
    assert loss(anchors * scales, positives / scales).item() == pytest.approx(expected)
    assert loss(positives, anchors).item() == pytest.approx(expected)
    assert loss(anchors.flip(0), positives.flip(0)).item() == pytest.approx(expected)
    mined = loss(anchors, positives, negatives).item()
    assert loss(anchors, positives, negatives * scales).item() == pytest.approx(mined)


def test_a_batch_of_one_has_only_its_negative_and_collapse_costs_the_logarithm_of_the_batch(draw: Draw) -> None:
    loss = InfoNCE(InfoNCEParameters())
    anchors, positives, _ = draw(1)
    assert loss(anchors, positives).item() == 0
    assert loss(anchors, positives, positives).item() == pytest.approx(np.log(2) / 2)
    same = torch.ones(8, 4)
    assert loss(same, same).item() == pytest.approx(np.log(8))
    assert loss(same, same, same).item() == pytest.approx((np.log(8) + np.log(9)) / 2)


def test_a_vector_of_zeros_gives_a_finite_loss_and_gradient(draw: Draw) -> None:
    triple = draw(3)
    for row, embeddings in enumerate(triple):
        embeddings[row] = 0
        embeddings.requires_grad_()
    loss = InfoNCE(InfoNCEParameters())(*triple)
    loss.backward()
    assert torch.isfinite(loss)
    for embeddings in triple:
        assert embeddings.grad is not None
        assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("temperature", [0, -1, 11, float("nan")])
def test_the_temperature_has_bounds(temperature: float) -> None:
    with pytest.raises(ValidationError):
        InfoNCEParameters(temperature=temperature)
