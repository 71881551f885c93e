"""An autoencoder whose encoder is a pretrained backbone's lower part. Source: future work of Peng and Widjaja, *Image
Similarity Models with the TotallyLooksAlike Dataset*: "transfer learning with the autoencoder".
"""

from typing import Any

import torch
from torch import Tensor, nn

from tlk.backbones.depths import stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import output_of
from tlk.errors import UserError
from tlk.models.base import Given, Model, as_floats
from tlk.models.layers import decoder
from tlk.models.registry import TransferAutoencoderParameters


class TransferAutoencoder(Model):
    """A backbone up to a stage, a 1×1 convolution that narrows its output, and the autoencoder's decoder.

    Raises:
        UserError: timm cannot cut the backbone, or the pixels' side does not fit its strides.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, parameters: TransferAutoencoderParameters, given: Given) -> None:
        super().__init__()
        self._rate = parameters.rate
        self._keep_statistics = parameters.pretrained
        self.backbone, config = _lower_part(parameters)
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(config["std"]).view(1, 3, 1, 1))
        maps = output_of(self.backbone.eval(), parameters.backbone, given.side)[-1]
        doublings = (given.side // maps.shape[-1]).bit_length() - 1
        if maps.shape[-1] << doublings != given.side:
            raise UserError(
                f"backbone {parameters.backbone} makes {maps.shape[-1]} cells of {given.side} pixels"
                ", which is not a power of 2 fewer\n"
                "set pixels.size to a multiple of its stride, such as 128"
            )
        self.narrow = nn.Conv2d(maps.shape[1], parameters.encoder_filters, 1)
        self.decoder = decoder(
            parameters.encoder_filters, parameters.decoder_filters, doublings, given.channels, "leaky_relu"
        )
        self.train()

    def train(self, mode: bool = True) -> "TransferAutoencoder":
        """Turn to training or evaluation; a pretrained backbone's batch norm keeps its statistics.

        So does any backbone's where a picture comes alone.
        """
        super().train(mode)
        if self._keep_statistics:
            self.backbone.eval()
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(b, e)` encodings of `(b, 3, h, w)` pixels."""
        return self._encode(inputs).flatten(1)

    def reconstruct(self, inputs: Tensor) -> Tensor:
        """Return `(b, 3, h, w)` logits of the picture that belongs to the pixels `inputs`."""
        outputs: Tensor = self.decoder(self._encode(inputs))
        return outputs

    def _encode(self, inputs: Tensor) -> Tensor:
        pixels = (as_floats(inputs) - self.mean) / self.deviation
        alone = len(inputs) == 1 and self.backbone.training  # one picture has no statistics of a batch
        if alone:
            self.backbone.eval()
        encoded: Tensor = self.narrow(self.backbone(pixels.contiguous(memory_format=torch.channels_last))[-1])
        if alone:
            self.backbone.train()
        return encoded

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the backbone's layers and the new ones, each with its learning rate."""
        new = [*self.narrow.parameters(), *self.decoder.parameters()]
        return [{"params": new, "lr": rate}, {"params": list(self.backbone.parameters()), "lr": rate * self._rate}]


def _lower_part(parameters: TransferAutoencoderParameters) -> tuple[Any, Any]:
    """Return a backbone up to a stage, as timm cuts it, and its configuration.

    The "getter" drops what lies above for every kind of network: other ways of timm's would compute it for nothing.
    """
    whole = load_backbone(parameters.backbone, parameters.pretrained)
    count = len(whole.feature_info)
    number = stage_number(parameters.at, count)
    part = load_backbone(
        parameters.backbone,
        parameters.pretrained,
        features_only=True,
        feature_cls="getter",
        out_indices=(number,),
        num_classes=None,
    )
    return part.requires_grad_(True), whole.pretrained_cfg
