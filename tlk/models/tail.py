"""The rest of a backbone above a stage, trained on what the stage gives: what lies below is computed once and kept.

Source: Peng and Widjaja, *Image Similarity Models with the TotallyLooksAlike Dataset*, freeze a network up to its last
stage and train that one.
"""

from typing import Any

import torch
from torch import Tensor, nn

from tlk.backbones.depths import stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import find_stages, look, train_from
from tlk.errors import UserError
from tlk.models.base import Given, Model
from tlk.models.registry import TailParameters


class _Injected(nn.Module):
    """Stands where a stage was, and gives what was laid in instead of its work."""

    maps: Tensor

    def forward(self, *arguments: Any, **keywords: Any) -> Tensor:
        return self.maps


class FineTuned(Model):
    """A network that ends in a pooled embedding, and one linear layer; batch norm keeps its pretrained statistics."""

    network: Any

    def __init__(self, network: Any, parameters: TailParameters, width: int, keep_statistics: bool) -> None:
        super().__init__()
        self.network = network
        self._keep_statistics = keep_statistics
        self._rate = parameters.rate
        self._unit_length = parameters.unit_length
        self.head = nn.Sequential(nn.Dropout(parameters.dropout), nn.Linear(width, parameters.dimensions))

    def train(self, mode: bool = True) -> "FineTuned":
        """Turn to training or evaluation; layers that do not learn, and statistics to keep, stay in evaluation."""
        super().train(mode)
        for module in self.network.modules():
            frozen = not any(p.requires_grad for p in module.parameters())
            if frozen or (self._keep_statistics and isinstance(module, nn.modules.batchnorm._NormBase)):
                module.eval()
        return self

    def finish(self, pooled: Tensor) -> Tensor:
        """Return the `(b, e)` embeddings of `(b, d)` pooled ones, at length 1 if the recipe says so."""
        outputs: Tensor = self.head(pooled).float()
        return nn.functional.normalize(outputs, dim=1) if self._unit_length else outputs

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the network's trained layers and the linear one, each with its learning rate."""
        trained = [p for p in self.network.parameters() if p.requires_grad]
        groups = [{"params": list(self.head.parameters()), "lr": rate}]
        return groups + ([{"params": trained, "lr": rate * self._rate}] if trained else [])


class Tail(FineTuned):
    """A backbone cut above a stage.

    The stages up to the cut are passed by: nothing about a network's own forward pass needs to be known.

    Raises:
        UserError: the backbone cannot be cut there.
    """

    def __init__(self, parameters: TailParameters, given: Given) -> None:
        backbone, at = given.backbone or "", given.stage or 1.0
        network = load_backbone(backbone).float()
        stages = find_stages(network)
        number = stage_number(at, len(stages))
        picture = torch.zeros(1, *network.pretrained_cfg["input_size"])
        # Not the picture that the cut network will be given: what found a way around the cut would show.
        maps, expected = look(network, stages[number], torch.linspace(-2, 2, picture.numel()).view_as(picture))
        names = {id(module): name for name, module in network.named_modules()}
        for stage in stages[:number]:
            network.set_submodule(names[id(stage)], nn.Identity())
        cut = _Injected()
        network.set_submodule(names[id(stages[number])], cut)
        super().__init__(network, parameters, expected.shape[1], keep_statistics=True)
        self._cut = [cut]  # in a list, so that it is not registered twice
        self._shape = maps.shape[1:]
        self.register_buffer("picture", picture, persistent=False)
        self._check(backbone, maps, expected)
        train_from(network, None if parameters.frozen else cut)
        self.train()

    def _check(self, backbone: str, maps: Tensor, expected: Tensor) -> None:
        """Raise a UserError unless the cut network makes of the stage's output what the whole network made."""
        self.eval()
        try:
            with torch.no_grad():
                same = torch.allclose(self._pooled(maps.flatten(1)), expected, atol=1e-4, rtol=1e-3)
        except (RuntimeError, TypeError, AttributeError, ValueError):
            same = False
        if not same:
            raise UserError(
                f"backbone {backbone} cannot be cut at this stage\n"
                "train it on pixels instead (model network), or keep another view"
            )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(b, e)` embeddings of `(b, d)` maps laid out flat."""
        return self.finish(self._pooled(inputs))

    def _pooled(self, inputs: Tensor) -> Tensor:
        maps = inputs.float().unflatten(1, self._shape)
        self._cut[0].maps = maps.contiguous(memory_format=torch.channels_last) if maps.ndim == 4 else maps
        pooled: Tensor = self.network(self.picture)
        del self._cut[0].maps
        return pooled
