"""Barlow Twins. Source: Zbontar et al., *Barlow Twins: Self-Supervised Learning via Redundancy Reduction*, 2021."""

import torch
from torch import Tensor, nn

from tlk.losses.inputs import full_precision
from tlk.losses.registry import BarlowTwinsParameters

EPSILON = 1e-5  # added to each variance, as batch normalisation does: a constant dimension becomes 0


class BarlowTwins(nn.Module):
    """Over the batch, a dimension must correlate with itself across the pairs, and with no other dimension.

    With z the embeddings, each dimension standardised over the batch of b, c = z_aᵀ z_p / b and λ the redundancy:
    L = Σ_i (1 − c_ii)² + λ · Σ_i Σ_{j≠i} c_ij²
    A dimension that is the same for the whole batch correlates with nothing: of a single pair L is d, without gradient.
    """

    def __init__(self, parameters: BarlowTwinsParameters) -> None:
        super().__init__()
        self.redundancy = parameters.redundancy

    @full_precision
    def forward(self, anchors: Tensor, positives: Tensor, negatives: Tensor | None = None) -> Tensor:
        """Return the scalar loss of `(b, d)` anchors and positives; negatives have no part in it."""
        correlation = _standardised(anchors).T @ _standardised(positives) / len(anchors)  # (d, d)
        same = torch.eye(len(correlation), dtype=torch.bool, device=correlation.device)
        return torch.where(same, (1 - correlation).square(), self.redundancy * correlation.square()).sum()


def _standardised(embeddings: Tensor) -> Tensor:
    variance, mean = torch.var_mean(embeddings, dim=0, correction=0)  # (d,)
    return (embeddings - mean) / (variance + EPSILON).sqrt()
