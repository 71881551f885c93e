"""The rest of a backbone above a stage, trained together with an adapter on each of several of its activations."""

from typing import Any

import torch
from torch import Tensor, nn

from tlk.backbones.precision import native_precision
from tlk.backbones.stages import train_from
from tlk.models.adapter import Adapter
from tlk.models.base import Given, Model
from tlk.models.cut import CutBackbone
from tlk.models.registry import TunedAdaptersParameters
from tlk.seeding import derive_seed

_BLOCK = 256  # images


class TunedAdapters(Model):
    """What `tail` is with the heads of `adapters`: cells keep the layout, and a whitened PCA is a start from which few
    steps suffice.

    An embedding is the adapters' unit embeddings laid end to end; each is trained on its own loss, the backbone on all
    of them. Batch norm keeps its pretrained statistics.
    """

    def __init__(self, parameters: TunedAdaptersParameters, given: Given) -> None:
        super().__init__()
        self.network = CutBackbone(given.backbone or "", given.stage or 1.0, fold=True)
        self._views = tuple((view.at, view.cells) for view in parameters.views)
        self._rate = parameters.rate
        widths = [outputs.shape[1] for outputs in self._look(torch.zeros(1, self.network.size))]
        self.parts = len(widths)
        self.adapters = nn.ModuleList(Adapter(parameters, Given((width,))) for width in widths)
        train_from(self.network, self.network.first[0])
        self.train()

    def train(self, mode: bool = True) -> "TunedAdapters":
        """Turn to training or evaluation; the backbone's dropout and statistics stay in evaluation."""
        super().train(mode)
        self.network.eval()
        return self

    @torch.no_grad()
    def fit(self, inputs: Tensor, seed: int) -> None:
        """Fit every adapter's PCA on what the untrained backbone makes of `(n, o, d)` training maps, as they are."""
        views: list[list[Tensor]] = [[] for _ in self._views]
        for block in inputs.split(_BLOCK):
            for kept, outputs in zip(views, self._look(block[:, 0]), strict=True):
                kept.append(outputs.float()[:, None])
        for number, (adapter, kept) in enumerate(zip(self._adapters(), views, strict=True)):
            adapter.fit(torch.cat(kept), derive_seed(seed, "adapter", number))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(b, parts × components)` embeddings of `(b, d)` maps laid out flat, each part at length 1."""
        views = self.network.views(inputs, self._views)
        outputs = [adapter(adapter.reduce(view)) for adapter, view in zip(self._adapters(), views, strict=True)]
        return torch.cat([nn.functional.normalize(output.float(), dim=1) for output in outputs], dim=1)

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the linear layers, which do not decay, and the backbone's layers, each with its learning rate."""
        trained = [p for p in self.network.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [{"params": list(self.adapters.parameters()), "lr": rate, "weight_decay": 0.0}]
        return groups + ([{"params": trained, "lr": rate * self._rate}] if trained else [])

    def _look(self, maps: Tensor) -> list[Tensor]:
        """Return the backbone's views of maps, as precise as it is fast."""
        precision = native_precision(maps.device)
        with torch.autocast(maps.device.type, dtype=precision, enabled=precision != torch.float32):
            return self.network.views(maps, self._views)

    def _adapters(self) -> list[Adapter]:
        found: list[Adapter] = list(self.adapters)  # type: ignore[arg-type]  # nn.ModuleList forgets what it holds
        return found
