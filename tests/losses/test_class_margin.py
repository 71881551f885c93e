"""The large-margin cosine loss over classes against its formula, and against another library's."""

import numpy as np
import pytest
import torch
from pytorch_metric_learning.losses import CosFaceLoss
from torch import Tensor, nn

from tlk.losses.class_margin import ClassMargin
from tlk.losses.registry import ClassMarginParameters

LABELS = torch.tensor([0, 2, 1, 2, 0])


def drawn(classes: int = 3) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(5, 4, generator=random).double(), torch.randn(classes, 4, generator=random).double()


def cosines(images: Tensor, directions: Tensor) -> Tensor:
    return nn.functional.normalize(images, dim=1) @ nn.functional.normalize(directions, dim=1).T


@pytest.mark.parametrize(("margin", "scale"), [(0.2, 16.0), (0.0, 1.0), (0.35, 64.0)])
def test_the_loss_is_that_of_the_formula(margin: float, scale: float) -> None:
    given = cosines(*drawn())
    own = nn.functional.one_hot(LABELS, 3).double()
    loss = ClassMargin(ClassMarginParameters(margin=margin, scale=scale))(given, own)
    total = 0.0
    for row, label in zip(given.numpy(), LABELS.tolist(), strict=True):
        logits = [scale * (c - margin * (j == label)) for j, c in enumerate(row)]
        total -= np.log(np.exp(logits[label]) / np.exp(logits).sum())
    assert float(loss) == pytest.approx(total / len(LABELS), abs=1e-9)


def test_it_agrees_with_another_library() -> None:
    images, directions = (part.float() for part in drawn())
    oracle = CosFaceLoss(3, 4, margin=0.3, scale=20)
    oracle.W.data = directions.T.clone()
    own = nn.functional.one_hot(LABELS, 3).float()
    ours = ClassMargin(ClassMarginParameters(margin=0.3, scale=20))(cosines(images, directions), own)
    assert float(ours) == pytest.approx(oracle(images, LABELS).item(), rel=1e-4)


def test_coming_closer_to_the_own_class_costs_less_and_to_another_more() -> None:
    images, directions = drawn()
    images.requires_grad_()
    own = nn.functional.one_hot(LABELS, 3).double()
    loss = ClassMargin(ClassMarginParameters())(cosines(images, directions), own)
    loss.backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    stepped = images.detach() - 0.05 * images.grad
    before, after = cosines(images.detach(), directions), cosines(stepped, directions)
    assert ((after - before) * own).sum() > 0
    with pytest.raises(ValueError, match="one shape"):
        ClassMargin(ClassMarginParameters())(before, own[:, :2])


def test_a_margin_costs() -> None:
    given, own = cosines(*drawn()), nn.functional.one_hot(LABELS, 3).double()
    losses = [float(ClassMargin(ClassMarginParameters(margin=m))(given, own)) for m in (0.0, 0.2, 0.4)]
    assert losses[0] < losses[1] < losses[2]
