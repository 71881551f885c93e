"""Whitening in closed form: what differs inside pairs counts less.

Source: Hatch, Kajarekar and Stolcke, *Within-Class Covariance Normalization for SVM-based Speaker Recognition*, 2006.
"""

import torch
from torch import Tensor

from tlk.models.base import Model

_SHRINKAGE = 0.3  # of the covariance towards a multiple of the identity: there are about as many pairs as dimensions


class PairWhitening(Model):
    """Embeddings of `width` dimensions, whitened by the covariance of the differences of pairs; nothing is learned."""

    whitening: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("whitening", torch.eye(width))

    def fit(self, inputs: Tensor, seed: int) -> None:
        """Fit on `(n, o, d)` training embeddings, those of the left images and then those of the right ones.

        Where the images of all pairs are alike, nothing is whitened: all directions count the same.
        """
        left, right = inputs.mean(dim=1).double().chunk(2)
        difference = left - right
        covariance = difference.T @ difference / len(difference)
        scale = covariance.diagonal().mean().clamp(min=1e-12)
        identity = torch.eye(len(covariance), dtype=covariance.dtype)
        variances, axes = torch.linalg.eigh((1 - _SHRINKAGE) * covariance + _SHRINKAGE * scale * identity)
        self.whitening = (axes / variances.sqrt()).float().contiguous()  # laid out as it is when it is read again

    def reduce(self, inputs: Tensor) -> Tensor:
        """Return the `(…, d)` whitened embeddings."""
        return inputs @ self.whitening

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what `reduce` gave."""
        return inputs
