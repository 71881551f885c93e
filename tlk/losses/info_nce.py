"""Symmetric InfoNCE. Source: van den Oord et al., *Representation Learning with Contrastive Predictive Coding*, 2018;
in both directions as in Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*, 2021.
"""

from torch import Tensor, nn

from tlk.losses.in_batch import cosines, symmetric_cross_entropy
from tlk.losses.inputs import full_precision
from tlk.losses.registry import InfoNCEParameters


class InfoNCE(nn.Module):
    """Each anchor must pick its own positive among all positives of the batch, and the other way round.

    With unit-length anchors a and positives p, and τ the temperature:
    L = ½ · mean_i [ −log softmax_j(a_i·p_j / τ)_i − log softmax_j(a_j·p_i / τ)_i ]
    A mined negative joins the first softmax of its own anchor.
    """

    def __init__(self, parameters: InfoNCEParameters) -> None:
        super().__init__()
        self.temperature = parameters.temperature

    @full_precision
    def forward(self, anchors: Tensor, positives: Tensor, negatives: Tensor | None = None) -> Tensor:
        """Return the scalar loss of `(b, d)` anchors, positives and mined negatives, scaled to length 1 here."""
        return symmetric_cross_entropy(cosines(anchors, positives, negatives) / self.temperature)
