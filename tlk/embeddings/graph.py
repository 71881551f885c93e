"""A network with everything around it, from the pixels to the vectors of its views, as one module."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tlk.embeddings.stages import Tap


class Graph(nn.Module):
    """Pictures in, one vector a tap out: what the engines run, and what can be exported."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module, taps: Sequence[Tap], mean: Sequence[float], deviation: Sequence[float]):
        super().__init__()
        self.network = network
        self._taps = taps
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255)
        self.register_buffer("deviation", torch.tensor(deviation).view(1, 3, 1, 1) * 255)

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """Return one `(b, d)` float32 tensor a tap of `(b, h, w, 3)` uint8 pixels.

        Raises:
            ValueError: a stage cannot be pooled.
        """
        pictures = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.deviation  # (b, 3, h, w), channels last
        final = self.network(pictures)
        return tuple(tap.pool(final).float().flatten(1) for tap in self._taps)
