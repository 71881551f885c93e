"""The rest of a backbone above a stage, trained on what the stage gives: what lies below is computed once and kept.

Source: Peng and Widjaja, *Image Similarity Models with the TotallyLooksAlike Dataset*, freeze a network up to its last
stage and train that one.
"""

from typing import Any

from torch import Tensor, nn

from tlk.backbones.stages import train_from
from tlk.models.base import Given, Model
from tlk.models.cut import CutBackbone
from tlk.models.registry import TailParameters


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
    """A backbone cut above a stage, with a linear layer."""

    def __init__(self, parameters: TailParameters, given: Given) -> None:
        network = CutBackbone(given.backbone or "", given.stage or 1.0)
        super().__init__(network, parameters, network.width, keep_statistics=True)
        train_from(network, None if parameters.frozen else network.first[0])
        self.train()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(b, e)` embeddings of `(b, d)` maps laid out flat."""
        return self.finish(self.network(inputs))
