"""What holds for every loss of the registry."""

import math
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from tlk.losses.registry import LOSSES, LossEntry

FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
OF_EMBEDDINGS = [name for name, entry in LOSSES.items() if entry.takes == "embeddings"]
IN_BATCH = [name for name in OF_EMBEDDINGS if LOSSES[name].in_batch]
ONE_BY_ONE = [name for name in OF_EMBEDDINGS if not LOSSES[name].in_batch]


def inputs(entry: LossEntry, b: int = 6) -> tuple[Tensor, ...]:
    """Random tensors such as the entry's loss takes, in float64."""
    random = torch.Generator().manual_seed(1)
    if entry.takes == "embeddings":
        return tuple(torch.randn(3, b, 5, generator=random, dtype=torch.float64))
    shape = (b,) if entry.takes == "verdicts" else (b, 1, 4, 4)
    logits, targets = torch.randn(2, *shape, generator=random, dtype=torch.float64)
    return logits, (targets > 0).double()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_a_finite_scalar_of_float32_at_least_also_under_autocast(name: str, dtype: torch.dtype) -> None:
    entry = LOSSES[name]
    loss = entry.load()(entry.parameters())
    given = [tensor.to(dtype) for tensor in inputs(entry)]
    given[0].requires_grad_()
    value = loss(*given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = loss(*given)
    value.backward()
    assert value.shape == ()
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.equal(under_autocast, value)
    assert value.item() == pytest.approx(loss(*inputs(entry)).item(), rel=0.05)
    assert given[0].grad is not None
    assert torch.isfinite(given[0].grad).all()
    assert given[0].grad.abs().max() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_refuses_tensors_that_would_broadcast(name: str) -> None:
    entry = LOSSES[name]
    loss = entry.load()(entry.parameters())
    first, second, *rest = inputs(entry)
    with pytest.raises(ValueError, match="one shape"):
        loss(first, second[:1], *rest)


@pytest.mark.parametrize("name", OF_EMBEDDINGS)
def test_negatives_count_where_the_registry_says_so(name: str) -> None:
    entry = LOSSES[name]
    loss = entry.load()(entry.parameters())
    anchors, positives, negatives = inputs(entry)
    value = loss(anchors, positives, negatives)
    assert (value != loss(anchors, positives, 0.9 * anchors)) == (entry.negatives != "none")
    if entry.negatives != "needed":
        assert loss(anchors, positives) == loss(anchors, positives, None)


@pytest.mark.parametrize("name", IN_BATCH)
def test_an_in_batch_loss_is_not_the_mean_of_its_halves(name: str) -> None:
    assert whole_and_halves(name)[0] != pytest.approx(whole_and_halves(name)[1], rel=0.01)


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_any_other_loss_is_the_mean_of_its_halves(name: str) -> None:
    assert whole_and_halves(name)[0] == pytest.approx(whole_and_halves(name)[1], rel=1e-12)


def whole_and_halves(name: str) -> tuple[float, float]:
    """The loss of a batch, and the mean of the losses of its halves."""
    entry = LOSSES[name]
    loss = entry.load()(entry.parameters())
    tensors = inputs(entry)
    halves = [loss(*(tensor[part] for tensor in tensors)).item() for part in (slice(3), slice(3, None))]
    return loss(*tensors).item(), sum(halves) / 2


def test_the_registry_says_it_all_without_torch() -> None:
    code = "import sys, tlk.losses.registry; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


ALIKE = {
    "zeros": torch.zeros(3, 4),
    "the same": torch.ones(3, 4),
    "the same, huge": torch.full((3, 4), 1e25),
    "one pair": torch.ones(1, 4),
    "one pair of zeros": torch.zeros(1, 4),
}


def collapsed(name: str, given: Tensor) -> tuple[float, float]:
    """Return a loss of anchors, positives and, if it needs them, negatives that are all alike, and its gradient."""
    entry = LOSSES[name]
    sides = [given.clone().requires_grad_() for _ in range(3 if entry.negatives == "needed" else 2)]
    value = entry.load()(entry.parameters())(*sides)
    value.backward()
    gradients = [side.grad for side in sides if side.grad is not None]
    return value.item(), float(sum(gradient.abs().max() for gradient in gradients))


@pytest.mark.parametrize("case", ALIKE)
@pytest.mark.parametrize("name", OF_EMBEDDINGS)
def test_embeddings_that_are_all_alike_have_a_finite_loss_and_no_gradient(name: str, case: str) -> None:
    value, gradient = collapsed(name, ALIKE[case])
    pairs, width = ALIKE[case].shape
    expected = {
        "info_nce": math.log(pairs),
        "cosine_margin": math.log1p((pairs - 1) * math.exp(16 * 0.2)),
        "contrastive": 0.5**2 / 4,
        "triplet": 0.5,
        "barlow_twins": width,
    }[name]
    assert value == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert gradient < 1e-6


def test_a_single_pair_learns_from_its_mined_negative() -> None:
    one = torch.eye(3)[:1].requires_grad_()
    loss = LOSSES["info_nce"].load()(LOSSES["info_nce"].parameters())
    value = loss(one, torch.eye(3)[:1], torch.eye(3)[1:2])
    value.backward()
    assert one.grad is not None
    assert 0 < value.item() < 1e-5
    assert one.grad.norm() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_a_nan_is_not_hidden(name: str) -> None:
    entry = LOSSES[name]
    first, *others = inputs(entry)
    first[0] = math.nan
    assert math.isnan(float(entry.load()(entry.parameters())(first, *others)))
