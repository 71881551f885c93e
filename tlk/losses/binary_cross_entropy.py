"""Binary cross-entropy of verdicts."""

from torch import Tensor, nn

from tlk.losses.inputs import full_precision
from tlk.losses.registry import BinaryCrossEntropyParameters


class BinaryCrossEntropy(nn.Module):
    """The probability that a model gives to `matched` must be near 1 for matched pairs, near 0 for unmatched.

    With z the logit and y = 1 for matched pairs: L = mean_i [ −y_i · log σ(z_i) − (1 − y_i) · log(1 − σ(z_i)) ]
    """

    def __init__(self, parameters: BinaryCrossEntropyParameters) -> None:
        super().__init__()

    @full_precision
    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the scalar loss of `(n,)` logits and their `(n,)` labels, floats: 1 matched, 0 not."""
        return nn.functional.binary_cross_entropy_with_logits(logits, labels)
