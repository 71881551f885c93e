"""A whole backbone that sees pixels: trained from a stage upward, or from scratch."""

import torch
from torch import Tensor

from tlk.backbones.depths import stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import find_stages, output_of, train_from
from tlk.models.base import Given, as_floats
from tlk.models.registry import NetworkParameters
from tlk.models.tail import FineTuned


class Network(FineTuned):
    """A timm network and one linear layer. Below the first trained stage nothing learns and no statistic moves.

    Raises:
        UserError: the backbone takes no pictures of that size, or its stages are not known.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, parameters: NetworkParameters, given: Given) -> None:
        network = load_backbone(parameters.backbone, parameters.pretrained)
        stages = find_stages(network)
        first = network if parameters.trained_from == "input" else _stage(parameters.trained_from, stages)
        train_from(network, None if parameters.frozen else first)
        width = output_of(network, parameters.backbone, given.side).shape[1]
        super().__init__(network, parameters, width, keep_statistics=parameters.pretrained)
        config = network.pretrained_cfg
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(config["std"]).view(1, 3, 1, 1))
        self.train()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(b, e)` embeddings of `(b, 3, h, w)` pixels."""
        pixels = (as_floats(inputs) - self.mean) / self.deviation
        return self.finish(self.network(pixels.contiguous(memory_format=torch.channels_last)))


def _stage(name: str, stages: list[torch.nn.Module]) -> torch.nn.Module:
    return stages[stage_number(name, len(stages))]
