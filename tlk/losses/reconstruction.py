"""Reconstruction loss of an autoencoder. Source: Peng & Widjaja, *Image Similarity Models with the TotallyLooksAlike
Dataset*, whose autoencoder is trained with binary cross-entropy.
"""

from torch import Tensor, nn

from tlk.losses.inputs import full_precision
from tlk.losses.registry import ReconstructionParameters


class Reconstruction(nn.Module):
    """Each pixel that comes out must be as bright as that of the target picture.

    With z the logits and t the target pixels: L = mean over images, channels and pixels of
    −t · log σ(z) − (1 − t) · log(1 − σ(z)), least where σ(z) = t, but 0 there only if t is 0 or 1.
    """

    def __init__(self, parameters: ReconstructionParameters) -> None:
        super().__init__()

    @full_precision
    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the scalar loss of `(b, c, h, w)` logits and target pixels, from 0 to 1, of the same shape."""
        return nn.functional.binary_cross_entropy_with_logits(logits, targets)
