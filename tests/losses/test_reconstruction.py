"""The reconstruction loss against its formula."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tlk.losses.reconstruction import Reconstruction
from tlk.losses.registry import ReconstructionParameters

LOSS = Reconstruction(ReconstructionParameters())


def drawn(b: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(b, 3, 4, 2, generator=random, dtype=torch.float64)
    return logits, torch.rand(b, 3, 4, 2, generator=random, dtype=torch.float64)


@pytest.mark.parametrize("b", [1, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_loss_is_that_of_the_formula_over_all_pixels(b: int, dtype: torch.dtype, tolerance: float) -> None:
    logits, targets = drawn(b)
    costs = []
    for z, t in zip(logits.flatten().tolist(), targets.flatten().tolist(), strict=True):
        pixel = 1 / (1 + np.exp(-z))
        costs.append(-t * np.log(pixel) - (1 - t) * np.log(1 - pixel))
    assert len(costs) == b * 3 * 4 * 2
    assert LOSS(logits.to(dtype), targets.to(dtype)).item() == pytest.approx(np.mean(costs), rel=tolerance)


def test_it_and_its_gradient_are_torchs_of_pixels() -> None:
    logits, targets = drawn(2)
    logits.requires_grad_()
    loss = LOSS(logits, targets)
    expected = torch.nn.functional.binary_cross_entropy(logits.sigmoid(), targets)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(*(torch.autograd.grad(value, logits)[0] for value in (loss, expected)))
    assert torch.autograd.gradcheck(lambda z: LOSS(z, targets), logits)


def test_the_target_itself_is_the_best_reconstruction_and_its_negative_is_worse() -> None:
    _, targets = drawn(2)
    perfect = torch.logit(targets).requires_grad_()
    best = LOSS(perfect, targets)
    best.backward()
    assert perfect.grad is not None
    assert perfect.grad.abs().max() < 1e-12
    for other in (perfect + 0.1, perfect - 0.1, -perfect):
        assert LOSS(other, targets) > best


def test_black_and_white_can_be_reached_and_far_logits_stay_finite() -> None:
    targets = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)
    assert LOSS((targets - 0.5) * 200, targets).item() == pytest.approx(0, abs=1e-6)
    assert LOSS((0.5 - targets) * 2e4, targets).item() == pytest.approx(1e4)
