"""Triplet loss. Source: Schroff, Kalenichenko, Philbin, *FaceNet: A Unified Embedding for Face Recognition and
Clustering*, 2015; with plain distances as in Peng & Widjaja, *Image Similarity Models with the TotallyLooksAlike
Dataset*.
"""

import torch
from torch import Tensor, nn

from tlk.losses.inputs import full_precision
from tlk.losses.registry import TripletParameters


class Triplet(nn.Module):
    """The negative must be further from the anchor than the positive is, by a margin.

    With D the Euclidean distance, not squared, and m the margin: L = mean_i max(0, D(a_i, p_i) − D(a_i, n_i) + m),
    the mean over all triplets, also those that cost nothing.
    """

    def __init__(self, parameters: TripletParameters) -> None:
        super().__init__()
        self.margin = parameters.margin

    @full_precision
    def forward(self, anchors: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Return the scalar loss of `(b, d)` anchors, positives and negatives, at the lengths they have.

        Of vectors that all coincide it is the margin, without gradient.
        """
        norm = torch.linalg.vector_norm  # its gradient at 0 is 0, where that of a square root would be not a number
        excess: Tensor = norm(anchors - positives, dim=1) - norm(anchors - negatives, dim=1)  # (b,)
        return (excess + self.margin).clamp(min=0).mean()
