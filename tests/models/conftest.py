"""Fixtures: tiny backbones by name, and what a few steps of an optimiser change in a model."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tlk.models.base import Model

Train = Callable[..., set[str]]


@pytest.fixture(scope="session")
def backbone(backbone_folder: Path) -> str:
    """Each of the tiny networks, as a recipe names it."""
    return f"local-dir:{backbone_folder}"


@pytest.fixture(scope="session")
def tiny(tiny_backbone: Path) -> str:
    """One of them, where the kind does not matter; it has batch norm."""
    return f"local-dir:{tiny_backbone}"


@pytest.fixture
def train() -> Train:
    """Train a model for a few steps, and return the names of the parameters and buffers that moved."""

    def trained(model: Model, inputs: Tensor, call: Callable[[Tensor], Tensor] | None = None) -> set[str]:
        before = {key: value.clone() for key, value in model.state_dict().items()}
        optimiser = torch.optim.AdamW(model.parameter_groups(1e-3), weight_decay=0.1)
        model.train()
        for _ in range(3):
            optimiser.zero_grad()
            (call or model)(inputs).square().mean().backward()
            optimiser.step()
        model.eval()
        return {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}

    return trained
