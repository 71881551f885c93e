"""Fixtures: random embeddings in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

Draw = Callable[..., tuple[Tensor, Tensor, Tensor]]


@pytest.fixture
def draw() -> Draw:
    """Draw `(b, d)` anchors, positives near them, and negatives anywhere."""

    def drawn(b: int, d: int = 5, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        random = torch.Generator().manual_seed(seed)
        anchors, noise, negatives = torch.randn(3, b, d, generator=random, dtype=torch.float64)
        return anchors, anchors + 0.3 * noise, negatives

    return drawn
