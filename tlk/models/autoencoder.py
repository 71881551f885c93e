"""The convolutional autoencoder. Source: Peng and Widjaja, *Image Similarity Models with the TotallyLooksAlike
Dataset*: it is shown the right image and learns to draw the left one; the encoder's output is the embedding.
"""

import torch
from torch import Tensor, nn

from tlk.errors import UserError
from tlk.models.base import Given, Model, as_floats
from tlk.models.layers import activation, decoder, dense_layers
from tlk.models.registry import AutoencoderParameters


class Autoencoder(Model):
    """Encoder: 3×3 convolutions, each with activation and max-pooling. Decoder: 3×3 transposed convolutions.

    With dense layers, the authors' future work: the encoding goes on into a siamese network.

    Raises:
        UserError: the pixels' side cannot be halved as often as there are layers.
    """

    def __init__(self, parameters: AutoencoderParameters, given: Given) -> None:
        super().__init__()
        factor = 2**parameters.layers
        if given.side % factor:
            raise UserError(
                f"model autoencoder halves the side {parameters.layers} times: {given.side} pixels cannot be\n"
                f"make pixels.size a multiple of {factor}"
            )
        layers: list[nn.Module] = []
        width = given.channels
        for _ in range(parameters.layers):
            convolution = nn.Conv2d(width, parameters.encoder_filters, 3, padding=1)
            layers += [convolution, activation(parameters.activation), nn.MaxPool2d(2)]
            width = parameters.encoder_filters
        self.encoder = nn.Sequential(*layers)
        self.decoder = decoder(
            width, parameters.decoder_filters, parameters.layers, given.channels, parameters.activation
        )
        flat = width * (given.side // factor) ** 2
        self.dense = nn.Sequential(nn.Dropout(parameters.dropout), dense_layers(flat, parameters.dense))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(b, e)` encodings of `(b, c, h, w)` pixels, through the dense layers if there are any."""
        outputs: Tensor = self.dense(self._encode(inputs).flatten(1))
        return outputs

    def reconstruct(self, inputs: Tensor) -> Tensor:
        """Return `(b, c, h, w)` logits of the picture that belongs to the pixels `inputs`."""
        outputs: Tensor = self.decoder(self._encode(inputs))
        return outputs

    def _encode(self, inputs: Tensor) -> Tensor:
        encoded: Tensor = self.encoder(as_floats(inputs).contiguous(memory_format=torch.channels_last))
        return encoded
