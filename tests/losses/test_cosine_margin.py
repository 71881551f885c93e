"""The large-margin cosine loss against its formula."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from pytorch_metric_learning.losses import CosFaceLoss
from torch import Tensor

from tlk.losses.cosine_margin import CosineMargin
from tlk.losses.info_nce import InfoNCE
from tlk.losses.registry import CosineMarginParameters, InfoNCEParameters

Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]


def cosine(left: np.ndarray, right: np.ndarray) -> float:
    return float(left @ right / np.sqrt(left @ left) / np.sqrt(right @ right))


def from_the_formula(triple: tuple[np.ndarray, ...], margin: float, scale: float, mined: bool) -> float:
    """z_ij = s · (a_i·p_j − m · [i = j]), softmax cross-entropy of the diagonal both ways, forth with s · a_i·n_i."""
    anchors, positives, negatives = triple
    total = 0.0
    for i in range(len(anchors)):
        own = np.exp(scale * (cosine(anchors[i], positives[i]) - margin))
        forth = back = own
        for j in range(len(anchors)):
            if j != i:
                forth += np.exp(scale * cosine(anchors[i], positives[j]))
                back += np.exp(scale * cosine(anchors[j], positives[i]))
        if mined:
            forth += np.exp(scale * cosine(anchors[i], negatives[i]))
        total += -np.log(own / forth) - np.log(own / back)
    return float(total / len(anchors) / 2)


def cosface(embeddings: Tensor, classes: Tensor, labels: Tensor, margin: float, scale: float) -> tuple[Tensor, Tensor]:
    """The other library's loss with given weights of the classes, and those weights, `(d, classes)`, for gradients."""
    oracle = CosFaceLoss(len(classes), classes.shape[1], margin=margin, scale=scale)
    oracle.W.data = classes.detach().T.clone()
    return oracle(embeddings, labels), oracle.W


@pytest.mark.parametrize("b", [1, 2, 8])
@pytest.mark.parametrize(("margin", "scale"), [(0.2, 16), (0, 1), (0.35, 64)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_the_loss_is_that_of_the_formula(
    draw: Draw, b: int, margin: float, scale: float, dtype: torch.dtype, tolerance: float
) -> None:
    triple = draw(b)
    loss = CosineMargin(CosineMarginParameters(margin=margin, scale=scale))
    for given in (2, 3):
        value = loss(*(x.to(dtype) for x in triple[:given]))
        expected = from_the_formula(tuple(x.numpy() for x in triple), margin, scale, mined=given == 3)
        assert value.item() == pytest.approx(expected, abs=tolerance)


def test_loss_and_gradients_are_those_of_the_other_library(draw: Draw) -> None:
    """Without negatives: the classes are the positives, and for the way back the anchors."""
    anchors, positives = (x.requires_grad_() for x in draw(7)[:2])
    own = torch.arange(7)
    loss = CosineMargin(CosineMarginParameters())(anchors, positives)
    forth, forth_classes = cosface(anchors, positives, own, 0.2, 16)
    back, back_classes = cosface(positives, anchors, own, 0.2, 16)
    assert loss.item() == pytest.approx((forth + back).item() / 2, rel=1e-9)
    of_anchors, of_positives = torch.autograd.grad(loss, (anchors, positives))
    forth_gradients = torch.autograd.grad(forth, (anchors, forth_classes))
    back_gradients = torch.autograd.grad(back, (back_classes, positives))
    torch.testing.assert_close(of_anchors, (forth_gradients[0] + back_gradients[0].T) / 2, rtol=1e-7, atol=1e-9)
    torch.testing.assert_close(of_positives, (forth_gradients[1].T + back_gradients[1]) / 2, rtol=1e-7, atol=1e-9)


def test_with_negatives_each_anchor_has_one_more_class_in_the_other_library(draw: Draw) -> None:
    anchors, positives, negatives = draw(5)
    own = torch.arange(5)
    back, _ = cosface(positives, anchors, own, 0.2, 16)
    total = back.item()
    for i in range(5):
        classes = torch.cat([positives, negatives[i : i + 1]])
        total += cosface(anchors[i : i + 1], classes, own[i : i + 1], 0.2, 16)[0].item() / 5
    loss = CosineMargin(CosineMarginParameters())(anchors, positives, negatives)
    assert loss.item() == pytest.approx(total / 2, rel=1e-9)


@pytest.mark.parametrize("given", [2, 3], ids=["without negatives", "with negatives"])
def test_gradients_are_right(draw: Draw, given: int) -> None:
    triple = tuple(x.requires_grad_() for x in draw(4, 3)[:given])
    assert torch.autograd.gradcheck(CosineMargin(CosineMarginParameters(scale=4.0)), triple)


def test_without_a_margin_it_is_info_nce_and_a_margin_costs_more(draw: Draw) -> None:
    triple = draw(6)
    plain = CosineMargin(CosineMarginParameters(margin=0, scale=16))(*triple)
    assert plain.item() == pytest.approx(InfoNCE(InfoNCEParameters(temperature=1 / 16))(*triple).item())
    assert plain < CosineMargin(CosineMarginParameters(margin=0.2, scale=16))(*triple)


def test_wrong_positives_and_near_negatives_cost_more(draw: Draw) -> None:
    anchors, positives, negatives = draw(6)
    loss = CosineMargin(CosineMarginParameters())
    expected = loss(anchors, positives, negatives)
    assert loss(anchors, positives.roll(1, dims=0), negatives) > expected + 1
    assert loss(anchors, negatives, positives) > expected + 1
    assert loss(anchors, positives, anchors) > expected > loss(anchors, positives)


def test_a_batch_of_one_has_nothing_to_choose_unless_there_is_a_negative(draw: Draw) -> None:
    loss = CosineMargin(CosineMarginParameters())
    anchors, positives, _ = draw(1)
    assert loss(anchors, positives).item() == 0
    assert loss(anchors, positives, positives).item() == pytest.approx(np.log1p(np.exp(0.2 * 16)) / 2)


def test_a_vector_of_zeros_gives_a_finite_loss_and_gradient(draw: Draw) -> None:
    triple = draw(3)
    for row, embeddings in enumerate(triple):
        embeddings[row] = 0
        embeddings.requires_grad_()
    loss = CosineMargin(CosineMarginParameters())(*triple)
    loss.backward()
    assert torch.isfinite(loss)
    for embeddings in triple:
        assert embeddings.grad is not None
        assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("given", [{"margin": -0.1}, {"margin": 1.1}, {"scale": 0}, {"scale": 1001}])
def test_the_parameters_have_bounds(given: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        CosineMarginParameters(**given)
