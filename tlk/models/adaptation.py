"""A distance learned on frozen embeddings. Source: Munteanu, *Image Similarity*, 2022: "adaptive layers", two linear
ones, trained to say whether two images are alike.
"""

from torch import Tensor, nn

from tlk.models.base import Given, Verdict
from tlk.models.centred import Centred
from tlk.models.registry import AdaptationParameters, CentredParameters


class Adaptation(Verdict, Centred):
    """logit = w₂ · ReLU(W₁ |a − b|) of two centred embeddings a and b."""

    def __init__(self, parameters: AdaptationParameters, given: Given) -> None:
        Centred.__init__(self, CentredParameters(), given)
        self.layers = nn.Sequential(
            nn.Linear(sum(given.sizes), parameters.hidden),
            nn.ReLU(),
            nn.Dropout(parameters.dropout),
            nn.Linear(parameters.hidden, 1),
        )

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the `(…)` logits that `(…, e)` embeddings match."""
        logits: Tensor = self.layers((first - second).abs())
        return logits.squeeze(-1)
