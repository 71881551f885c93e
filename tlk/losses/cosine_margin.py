"""Large-margin cosine over the batch. Source: Wang et al., *CosFace: Large Margin Cosine Loss for Deep Face
Recognition*, 2018; the positives of the batch stand for the weights of the classes, in both directions.
"""

import torch
from torch import Tensor, nn

from tlk.losses.in_batch import cosines, symmetric_cross_entropy
from tlk.losses.inputs import full_precision
from tlk.losses.registry import CosineMarginParameters


class CosineMargin(nn.Module):
    """Each anchor must pick its own positive in the batch although that one's cosine is lowered by a margin.

    With unit-length anchors a and positives p, m the margin and s the scale, z_ij = s · (a_i·p_j − m · [i = j]):
    L = ½ · mean_i [ −log softmax_j(z_ij)_i − log softmax_j(z_ji)_i ]
    A mined negative joins the first softmax of its own anchor.
    """

    def __init__(self, parameters: CosineMarginParameters) -> None:
        super().__init__()
        self.margin, self.scale = parameters.margin, parameters.scale

    @full_precision
    def forward(self, anchors: Tensor, positives: Tensor, negatives: Tensor | None = None) -> Tensor:
        """Return the scalar loss of `(b, d)` anchors, positives and mined negatives, scaled to length 1 here."""
        similarities = cosines(anchors, positives, negatives)  # (b, b) or (b, b + 1)
        own = torch.eye(*similarities.shape, dtype=similarities.dtype, device=similarities.device)
        return symmetric_cross_entropy(self.scale * (similarities - self.margin * own))
