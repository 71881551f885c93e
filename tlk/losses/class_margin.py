"""Large-margin cosine over classes. Source: Wang et al., *CosFace: Large Margin Cosine Loss for Deep Face
Recognition*, 2018.
"""

import torch
from torch import Tensor, nn

from tlk.losses.inputs import full_precision
from tlk.losses.registry import ClassMarginParameters


class ClassMargin(nn.Module):
    """Each image must pick its own class, such as its artist, although that one's cosine is lowered by a margin.

    With c_ij the cosine of image i with the learned direction of class j, y_i its class, m the margin, s the scale:
    L = mean_i −log softmax_j(s · (c_ij − m · [j = y_i]))_{y_i}
    """

    def __init__(self, parameters: ClassMarginParameters) -> None:
        super().__init__()
        self.margin, self.scale = parameters.margin, parameters.scale

    @full_precision
    def forward(self, cosines: Tensor, own: Tensor) -> Tensor:
        """Return the scalar loss of `(b, c)` cosines; `own` is 1 at each image's class, else 0, `(b, c)`."""
        logits = self.scale * (cosines - self.margin * own)
        return (torch.logsumexp(logits, dim=1) - (logits * own).sum(dim=1)).mean()
