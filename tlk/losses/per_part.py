"""A loss of each part of an embedding by itself."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class PerPart(nn.Module):
    """The mean over the parts of the loss on each: parts do not lean on each other."""

    def __init__(self, loss: Callable[..., Tensor], parts: int) -> None:
        super().__init__()
        self._loss = loss
        self._parts = parts

    def forward(self, *embeddings: Tensor | None) -> Tensor:
        """Return the scalar loss of `(b, parts × d)` embeddings, or None where the loss may have none."""
        chunks = [[None] * self._parts if e is None else e.chunk(self._parts, dim=-1) for e in embeddings]
        return torch.stack([self._loss(*part) for part in zip(*chunks, strict=True)]).mean()
