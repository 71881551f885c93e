"""Binary cross-entropy of verdicts against its formula."""

import numpy as np
import pytest
import torch

from tlk.losses.binary_cross_entropy import BinaryCrossEntropy
from tlk.losses.registry import BinaryCrossEntropyParameters

LOSS = BinaryCrossEntropy(BinaryCrossEntropyParameters())


@pytest.mark.parametrize("n", [1, 2, 9])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_the_loss_is_that_of_the_formula(n: int, dtype: torch.dtype, tolerance: float) -> None:
    logits = torch.randn(n, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = (torch.arange(n) % 3 == 0).double()
    expected = 0.0
    for z, y in zip(logits.tolist(), labels.tolist(), strict=True):
        probability = 1 / (1 + np.exp(-z))
        expected -= (y * np.log(probability) + (1 - y) * np.log(1 - probability)) / n
    assert LOSS(logits.to(dtype), labels.to(dtype)).item() == pytest.approx(expected, rel=tolerance)


def test_it_and_its_gradient_are_torchs_of_probabilities() -> None:
    logits = torch.randn(9, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    labels = (torch.arange(9) % 2).double()
    loss = LOSS(logits, labels)
    expected = torch.nn.functional.binary_cross_entropy(logits.sigmoid(), labels)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    torch.testing.assert_close(*(torch.autograd.grad(value, logits)[0] for value in (loss, expected)))
    assert torch.autograd.gradcheck(lambda z: LOSS(z, labels), logits)


def test_one_means_matched() -> None:
    logits, labels = torch.tensor([3.0, -3.0]), torch.tensor([1.0, 0.0])
    assert LOSS(logits, labels).item() == pytest.approx(np.log1p(np.exp(-3)), rel=1e-5)
    assert LOSS(logits, labels.flip(0)).item() == pytest.approx(np.log1p(np.exp(3)), rel=1e-5)


def test_verdicts_beyond_doubt_stay_finite() -> None:
    logits = torch.tensor([1e4, -1e4], requires_grad=True)
    loss = LOSS(logits, torch.tensor([0.0, 1.0]))
    loss.backward()
    assert loss.item() == pytest.approx(1e4)
    assert logits.grad is not None
    assert logits.grad.tolist() == [0.5, -0.5]
