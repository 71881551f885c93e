"""Are these two by the same hand?

Source: Waked and Sawaed, *Classifying two images of painting as belonging to the same artist or not*, 2023: output =
σ(W f(|A − B|)), A and B the spatial encodings of a pretrained network, f the global maximum. The text counts 25,088
numbers behind f, those of the map before it; a global maximum leaves one a channel.
"""

import torch
from torch import Tensor, nn

from tlk.backbones.depths import stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import as_maps, find_stages, look
from tlk.models.base import Given, Verdict
from tlk.models.registry import SameArtistParameters


class SameArtist(Verdict):
    """Absolute difference of two spatial encodings, its largest value in each channel, dropout, one unit."""

    def __init__(self, parameters: SameArtistParameters, given: Given) -> None:
        super().__init__()
        network = load_backbone(given.backbone or "")
        stages = find_stages(network)
        stage = stages[stage_number(given.stage or 1.0, len(stages))]
        output, _ = look(network, stage, torch.zeros(1, *network.pretrained_cfg["input_size"]))
        self._backbone = [network]  # in a list: it knows the layout of the maps and has nothing to learn
        self._shape = output.shape[1:]
        self._channels = as_maps(output, network).shape[1]
        self.verdict = nn.Sequential(nn.Dropout(parameters.dropout), nn.Linear(self._channels, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(b, channels × cells)` maps of `(b, d)` inputs: the encoder is frozen."""
        return as_maps(inputs.float().unflatten(1, self._shape), self._backbone[0]).flatten(1)

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the `(…)` logits that `(…, channels × cells)` maps match."""
        difference = (first - second).abs().unflatten(-1, (self._channels, -1))
        logits: Tensor = self.verdict(difference.amax(dim=-1))
        return logits.squeeze(-1)
