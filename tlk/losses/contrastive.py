"""Contrastive loss. Source: Hadsell, Chopra, LeCun, *Dimensionality Reduction by Learning an Invariant Mapping*, 2006;
as used by Peng & Widjaja, *Image Similarity Models with the TotallyLooksAlike Dataset*.
"""

import torch
from torch import Tensor, nn

from tlk.losses.inputs import full_precision
from tlk.losses.registry import ContrastiveParameters


class Contrastive(nn.Module):
    """Similar pairs are drawn together, dissimilar ones pushed apart until a margin lies between them.

    With D the Euclidean distance of a pair and m the margin, the mean over the pairs of
    ½ · (1 − y) · D² + ½ · y · max(0, m − D)²
    Peng & Widjaja print this formula and write that y is 1 for similar pairs; that would push these apart. By the
    formula, and in Hadsell et al., y is 1 for *dissimilar* pairs, and so it is here.
    """

    def __init__(self, parameters: ContrastiveParameters) -> None:
        super().__init__()
        self.margin = parameters.margin

    @full_precision
    def forward(self, anchors: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the scalar loss of the 2b pairs (anchor, positive) and (anchor, negative).

        All are `(b, d)`, at the lengths they have: whether to scale them to length 1 is for the model to say. Where an
        anchor and its negative coincide there is a loss but no gradient: no direction leads apart.
        """
        similar = (anchors - positives).square().sum(dim=1)  # (b,)
        # The gradient of a norm of 0 is 0, where that of a square root would be not a number.
        distance = torch.linalg.vector_norm(anchors - negatives, dim=1)  # (b,)
        dissimilar = (self.margin - distance).clamp(min=0).square()  # (b,)
        return torch.cat([similar, dissimilar]).mean() / 2
