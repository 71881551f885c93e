"""A small convolutional network on maps of oriented gradients, trained together with an adapter on each of its blocks.

Contrast and orientation are laid down, so that a thousand pairs suffice to learn what to make of them.
"""

import math

import torch
from torch import Tensor, nn

from tlk.backbones.stages import pool_cells
from tlk.constants import GRADIENT_MAPS
from tlk.models.base import Given
from tlk.models.registry import GradientNetworkParameters
from tlk.models.trained_views import TrainedViews


class GradientNetwork(TrainedViews):
    """Blocks of convolutions and ReLU, the maps halved between them; the output of each is pooled in cells."""

    def __init__(self, parameters: GradientNetworkParameters, given: Given) -> None:
        network = Blocks(parameters.filters, parameters.convolutions, parameters.cells)
        super().__init__(parameters, network, network.views, math.prod(GRADIENT_MAPS), parameters.rate)


class Blocks(nn.Module):
    """Makes of `(b, m)` maps laid out flat the `(b, d)` pooled outputs of each block."""

    def __init__(self, filters: tuple[int, ...], convolutions: int, cells: tuple[int, ...]) -> None:
        super().__init__()
        self._cells = cells
        self.blocks = nn.ModuleList()
        width = GRADIENT_MAPS[0]
        for count in filters:
            layers: list[nn.Module] = []
            for _ in range(convolutions):
                layers += [_convolution(width, count), nn.ReLU()]
                width = count
            self.blocks.append(nn.Sequential(*layers))

    def views(self, inputs: Tensor) -> list[Tensor]:
        """Return one `(b, d)` array a block."""
        maps = inputs.float().unflatten(1, GRADIENT_MAPS).contiguous(memory_format=torch.channels_last)
        found = []
        for number, (block, cells) in enumerate(zip(self.blocks, self._cells, strict=True)):
            maps = block(nn.functional.avg_pool2d(maps, 2) if number else maps)
            found.append(pool_cells(maps, cells).to(maps.device))
        return found


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """Return a convolution whose random weights keep the spread of what a ReLU follows (He et al., 2015)."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # there is one
    return layer
