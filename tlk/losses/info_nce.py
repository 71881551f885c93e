"""Symmetric InfoNCE. Source: van den Oord et al., *Representation Learning with Contrastive Predictive Coding*, 2018;
in both directions as in Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021.
"""

import torch
from torch import Tensor, nn

from tlk.losses.registry import InfoNCEParameters


class InfoNCE(nn.Module):
    """Each query must pick its own positive among all positives of the batch, and the other way round.

    With unit-length queries q and positives p, and τ the temperature:
    L = ½ · mean_i [ −log softmax_j(q_i·p_j / τ)_i − log softmax_j(q_j·p_i / τ)_i ]
    """

    def __init__(self, parameters: InfoNCEParameters) -> None:
        super().__init__()
        self.temperature = parameters.temperature

    def forward(self, queries: Tensor, positives: Tensor) -> Tensor:
        """Return the scalar loss of `(b, d)` queries and their `(b, d)` positives, scaled to length 1 here."""
        normalise = nn.functional.normalize
        logits = normalise(queries, dim=1) @ normalise(positives, dim=1).T / self.temperature  # (b, b)
        own = torch.arange(len(logits), device=logits.device)
        cross_entropy = nn.functional.cross_entropy
        return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
