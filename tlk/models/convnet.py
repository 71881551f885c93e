"""Small convolutional networks, trained from pixels. Sources: Peng and Widjaja, *Image Similarity Models with the
TotallyLooksAlike Dataset* (64 filters of 5×5, 128 of 3×3, dense, length 1); Rathod, *Task 2: Similarity*, 2025 (32, 64,
128 filters of 3×3, dense 512 and 128).
"""

import torch
from torch import Tensor, nn

from tlk.errors import UserError
from tlk.models.base import Given, Model, as_floats
from tlk.models.contrast import with_contrast
from tlk.models.layers import dense_layers
from tlk.models.registry import ConvNetParameters


class ConvNet(Model):
    """Blocks of convolution, ReLU and max-pooling, then dense layers.

    Raises:
        UserError: the pixels' side cannot be halved as often as there are poolings.
    """

    def __init__(self, parameters: ConvNetParameters, given: Given) -> None:
        super().__init__()
        self._unit_length = parameters.unit_length
        self._contrast = parameters.contrast
        poolings = len(parameters.filters) - (not parameters.pool_last)
        if given.side >> poolings == 0:
            raise UserError(
                f"model convnet halves the side {poolings} times, which leaves nothing of {given.side} pixels\n"
                f"make pixels.size at least {2**poolings}, or give fewer model.filters"
            )
        layers: list[nn.Module] = []
        seen = width = given.channels + bool(parameters.contrast)
        kernels = parameters.kernels * (len(parameters.filters) if len(parameters.kernels) == 1 else 1)
        for number, (filters, kernel) in enumerate(zip(parameters.filters, kernels, strict=True)):
            for _ in range(parameters.convolutions):
                layers += _convolution(width, filters, kernel, parameters.batch_norm)
                width = filters
            if parameters.pool_last or number + 1 < len(parameters.filters):
                layers.append(nn.MaxPool2d(2))
        if parameters.cells:
            layers.append(nn.AdaptiveAvgPool2d(parameters.cells))
        self.convolutions = nn.Sequential(*layers, nn.Flatten())
        with torch.no_grad():
            flat = self.convolutions.eval()(torch.zeros(1, seen, given.side, given.side)).shape[1]
        self.dense = nn.Sequential(nn.Dropout(parameters.dropout), dense_layers(flat, parameters.dense))
        self.train()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(b, e)` embeddings of `(b, c, h, w)` pixels."""
        pixels = as_floats(inputs)
        if self._contrast:
            pixels = with_contrast(pixels, self._contrast)
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        outputs: Tensor = self.dense(self.convolutions(pixels))
        return nn.functional.normalize(outputs.float(), dim=1) if self._unit_length else outputs


def _convolution(width: int, filters: int, kernel: int, batch_norm: bool) -> list[nn.Module]:
    convolution = nn.Conv2d(width, filters, kernel, padding=kernel // 2, bias=not batch_norm)
    return [convolution, *([nn.BatchNorm2d(filters)] if batch_norm else []), nn.ReLU()]
