"""The head that learns nothing: each view centred, scaled to length 1, and laid side by side."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tlk.models.registry import CentredParameters


class Centred(nn.Module):
    """Turns the views of an image into one vector whose cosine weighs every view alike."""

    mean: Tensor

    def __init__(self, parameters: CentredParameters, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.register_buffer("mean", torch.zeros(sum(sizes)))

    def fit(self, features: Tensor, seed: int) -> None:
        """Take the mean of `(n, o, d)` training features, o orientations of each image."""
        self.mean = features.mean(dim=(0, 1))

    def reduce(self, features: Tensor) -> Tensor:
        """Return `(…, d)` features centred, each view at length 1: the fixed part, computed once before training."""
        parts = (features - self.mean).split(self.sizes, dim=-1)
        return torch.cat([nn.functional.normalize(part, dim=-1) for part in parts], dim=-1)

    def forward(self, reduced: Tensor) -> Tensor:
        """Return what `reduce` gave: there is nothing to learn."""
        return reduced

    def embed(self, reduced: Tensor) -> Tensor:
        """Return `(n, e)` unit embeddings of `(n, o, r)` reduced features: the mean over the orientations."""
        outputs = nn.functional.normalize(self(reduced), dim=-1)
        return nn.functional.normalize(outputs.mean(dim=1), dim=-1)
