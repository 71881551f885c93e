"""The model that learns nothing: each view centred, scaled to length 1, and laid side by side."""

import torch
from torch import Tensor, nn

from tlk.models.base import Given, Model
from tlk.models.registry import CentredParameters


class Centred(Model):
    """Turns the views of an image into one vector whose cosine weighs every view alike."""

    mean: Tensor

    def __init__(self, parameters: CentredParameters, given: Given) -> None:
        super().__init__()
        self.sizes = given.sizes
        self.register_buffer("mean", torch.zeros(sum(given.sizes)))

    def fit(self, inputs: Tensor, seed: int) -> None:
        """Take the mean of `(n, o, d)` training embeddings, o orientations of each image."""
        self.mean = inputs.mean(dim=(0, 1), dtype=torch.float32)

    def reduce(self, inputs: Tensor) -> Tensor:
        """Return `(…, d)` embeddings centred, each view at length 1; what is the mean itself becomes zero."""
        parts = (inputs.float() - self.mean).split(self.sizes, dim=-1)
        return torch.cat([nn.functional.normalize(part, dim=-1) for part in parts], dim=-1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return what `reduce` gave: there is nothing to learn."""
        return inputs
