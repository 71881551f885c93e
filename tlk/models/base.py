"""What every model does: inputs to embeddings, and two embeddings to a similarity."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

_BLOCK = 1 << 24  # numbers in one block of differences


@dataclass(frozen=True)
class Given:
    """What a model is built for: the widths of the views it will see, or the channels and side of the pixels.

    `places` says where each view that the recipe names stands among them; in a shallow backbone two may be one.
    """

    sizes: tuple[int, ...] = ()
    backbone: str | None = None
    stage: str | float | None = None
    channels: int = 3
    side: int = 0
    places: tuple[int, ...] = ()


class Model(nn.Module):
    """Base of all models.

    An input is an image's embedding or maps, `(b, d)`, or its pixels, `(b, c, h, w)` uint8. The `forward` of a
    subclass makes of reduced inputs the `(b, e)` embeddings that a loss takes: whole, or each of `parts` by itself.
    """

    parts: int = 1

    @torch.no_grad()
    def fit(self, inputs: Tensor, seed: int) -> None:
        """Take what is not learned by gradient from the `(n, o, d)` training inputs, o orientations an image.

        They are those of the left images, and then those of the right ones in the same order.
        """

    def reduce(self, inputs: Tensor) -> Tensor:
        """Return the fixed part of the work on `(…, d)` inputs: computed once, before training."""
        return inputs

    def embed(self, inputs: Tensor) -> Tensor:
        """Return `(n, e)` unit embeddings of `(n, o, …)` reduced inputs: the mean over the orientations.

        An output of zeros stays zero: its cosine with everything is 0.
        """
        outputs = nn.functional.normalize(self(inputs.flatten(0, 1)).float(), dim=-1)
        mean: Tensor = outputs.unflatten(0, inputs.shape[:2]).mean(dim=1)
        return nn.functional.normalize(mean, dim=-1)

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the `(…)` similarities of `(…, e)` embeddings that broadcast, larger = more alike: the cosine."""
        return (first * second).sum(dim=-1)

    def similarity(self, queries: Tensor, gallery: Tensor) -> Tensor:
        """Return the `(n, m)` similarities of `(n, e)` and `(m, e)` embeddings."""
        return queries @ gallery.T

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return what is learned, for the optimiser, each part with its learning rate."""
        return [{"params": [p for p in self.parameters() if p.requires_grad], "lr": rate}]


class Verdict(Model):
    """Base of models that learn the similarity itself: `compare` gives the logit that two images match."""

    def embed(self, inputs: Tensor) -> Tensor:
        """Return `(n, e)` embeddings of `(n, o, …)` reduced inputs: the mean over the orientations, of any length."""
        outputs = self(inputs.flatten(0, 1)).float()
        mean: Tensor = outputs.unflatten(0, inputs.shape[:2]).mean(dim=1)
        return mean

    def similarity(self, queries: Tensor, gallery: Tensor) -> Tensor:
        """Return the `(n, m)` logits of `(n, e)` and `(m, e)` embeddings, computed in blocks."""
        width = max(1, queries.shape[1])
        columns = max(1, _BLOCK // width)
        rows = max(1, _BLOCK // (width * max(1, min(columns, len(gallery)))))
        blocks = [
            torch.cat([self.compare(part[:, None], others[None]) for others in gallery.split(columns)], dim=1)
            for part in queries.split(rows)
        ]
        return torch.cat(blocks)


def as_floats(pixels: Tensor) -> Tensor:
    """Return uint8 pixels as floats from 0 to 1."""
    return pixels.float() / 255
