"""What losses do with their inputs: precision, shapes."""

import pytest
import torch
from torch import Tensor

from tlk.losses.inputs import full_precision


@full_precision
def product(left: Tensor, right: Tensor, more: Tensor | None = None) -> Tensor:
    """A matrix product: what autocast would run in half precision."""
    return left.T @ right if more is None else left.T @ right + more.T @ more


@pytest.mark.parametrize(
    ("given", "computed"),
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_half_precision_is_widened_and_double_kept(given: torch.dtype, computed: torch.dtype) -> None:
    left, right = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0)).to(given)
    result = product(left, right)
    assert result.dtype == computed
    assert torch.equal(result, left.to(computed).T @ right.to(computed))
    assert torch.equal(product(left, right=right, more=left), product(left, right, left))


def test_autocast_does_not_reach_inside_and_is_on_again_after() -> None:
    left, right = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = product(left, right)
        after = left.T @ right
    assert torch.equal(inside, left.T @ right)
    assert after.dtype == torch.bfloat16


def test_the_gradient_comes_back_in_the_precision_of_the_input() -> None:
    left = torch.ones(4, 3, dtype=torch.bfloat16, requires_grad=True)
    product(left, torch.full((4, 3), 2.0)).sum().backward()
    assert left.grad is not None
    assert left.grad.dtype == torch.bfloat16
    assert torch.equal(left.grad, torch.full_like(left, 6))


@pytest.mark.parametrize("other", [(1, 3), (4, 1), (4,), (5, 3)])
def test_shapes_that_differ_are_refused_and_named(other: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"one shape.*\(4, 3\), \("):
        product(torch.ones(4, 3), torch.ones(other))
    with pytest.raises(ValueError, match="one shape"):
        product(torch.ones(4, 3), torch.ones(4, 3), more=torch.ones(other))


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not empty.*\(0, 3\)"):
        product(torch.ones(0, 3), torch.ones(0, 3))
