"""InfoNCE against its formula."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tlk.losses.info_nce import InfoNCE
from tlk.losses.registry import InfoNCEParameters


def batch(n: int, d: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    queries = torch.randn(n, d, generator=random, dtype=torch.float64)
    return queries, queries + 0.3 * torch.randn(n, d, generator=random, dtype=torch.float64)


def from_the_formula(queries: np.ndarray, positives: np.ndarray, temperature: float) -> float:
    """L = ½ · mean_i [ −log softmax_j(q_i·p_j / τ)_i − log softmax_j(q_j·p_i / τ)_i ]."""
    queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    positives = positives / np.linalg.norm(positives, axis=1, keepdims=True)
    total = 0.0
    for i in range(len(queries)):
        own = np.exp(queries[i] @ positives[i] / temperature)
        forth = sum(np.exp(queries[i] @ other / temperature) for other in positives)
        back = sum(np.exp(other @ positives[i] / temperature) for other in queries)
        total += -np.log(own / forth) - np.log(own / back)
    return total / len(queries) / 2


@pytest.mark.parametrize("n", [2, 3, 8])
@pytest.mark.parametrize("temperature", [0.07, 0.5, 10])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_the_loss_is_that_of_the_formula(n: int, temperature: float, dtype: torch.dtype, tolerance: float) -> None:
    queries, positives = batch(n)
    loss = InfoNCE(InfoNCEParameters(temperature=temperature))(queries.to(dtype), positives.to(dtype))
    assert loss.shape == ()
    assert loss.item() == pytest.approx(
        from_the_formula(queries.numpy(), positives.numpy(), temperature), abs=tolerance
    )


def test_gradients_are_right() -> None:
    queries, positives = batch(4, 3)
    loss = InfoNCE(InfoNCEParameters(temperature=0.5))
    assert torch.autograd.gradcheck(loss, (queries.requires_grad_(), positives.requires_grad_()))


def test_wrong_positives_cost_more() -> None:
    queries, positives = batch(6)
    loss = InfoNCE(InfoNCEParameters())
    assert loss(queries, positives.roll(1, dims=0)) > loss(queries, positives) + 1
    assert loss(queries, -positives) > loss(queries, positives) + 1


def test_a_step_against_the_gradient_brings_pairs_together() -> None:
    queries, positives = batch(6)
    loss = InfoNCE(InfoNCEParameters(temperature=0.5))
    queries.requires_grad_()
    before = loss(queries, positives)
    before.backward()
    assert queries.grad is not None
    assert loss(queries - 0.1 * queries.grad, positives) < before


def test_lengths_do_not_matter_nor_which_side_is_which_nor_the_order_of_the_batch() -> None:
    queries, positives = batch(6)
    loss = InfoNCE(InfoNCEParameters())
    expected = loss(queries, positives).item()
    scales = torch.linspace(0.1, 9, 6, dtype=torch.float64)[:, None]
    assert loss(queries * scales, positives / scales).item() == pytest.approx(expected)
    assert loss(positives, queries).item() == pytest.approx(expected)
    assert loss(queries.flip(0), positives.flip(0)).item() == pytest.approx(expected)


def test_a_batch_of_one_has_nothing_to_choose_and_collapse_costs_the_logarithm_of_the_batch() -> None:
    loss = InfoNCE(InfoNCEParameters())
    assert loss(*batch(1)).item() == 0
    same = torch.ones(8, 4)
    assert loss(same, same).item() == pytest.approx(np.log(8))


def test_a_vector_of_zeros_gives_a_finite_loss_and_gradient() -> None:
    queries, positives = batch(3)
    queries[0] = 0
    loss = InfoNCE(InfoNCEParameters())(queries.requires_grad_(), positives)
    loss.backward()
    assert torch.isfinite(loss)
    assert queries.grad is not None
    assert torch.isfinite(queries.grad).all()


@pytest.mark.parametrize("temperature", [0, -1, 11, float("nan")])
def test_the_temperature_has_bounds(temperature: float) -> None:
    with pytest.raises(ValidationError):
        InfoNCEParameters(temperature=temperature)
