"""Heads start as the identity, and learn what their kind can."""

import pytest
import torch
from torch import nn

from tlk.models.heads import Head, make_head

KINDS: tuple[Head, ...] = ("linear", "low_rank", "residual")


def inputs() -> torch.Tensor:
    return torch.randn(64, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
def test_at_first_nothing_changes(kind: Head) -> None:
    torch.testing.assert_close(make_head(kind, 12, 3)(inputs()), inputs())


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns(kind: Head) -> None:
    torch.manual_seed(0)
    head, target = make_head(kind, 12, 3), inputs().clone()
    target[:, 0] += 2 * inputs()[:, 1]  # of rank 1
    optimiser = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(300):
        loss = nn.functional.mse_loss(head(inputs()), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    before = nn.functional.mse_loss(inputs(), target)
    assert loss < before / 3


def test_the_change_of_a_low_rank_head_has_that_rank() -> None:
    head = make_head("low_rank", 12, 3)
    nn.init.normal_(head.up.weight)  # type: ignore[union-attr, arg-type]
    change = head(torch.eye(12)) - torch.eye(12)
    assert torch.linalg.matrix_rank(change) == 3


def test_a_residual_head_bends() -> None:
    head = make_head("residual", 12, 3)
    nn.init.normal_(head.up.weight)  # type: ignore[union-attr, arg-type]
    one = inputs()
    assert not torch.allclose(head(one) + head(-one), torch.zeros_like(one), atol=1e-3)
