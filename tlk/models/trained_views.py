"""A network that learns together with an adapter on each of several of its activations."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tlk.backbones.precision import native_precision
from tlk.models.adapter import Adapter
from tlk.models.base import Given, Model
from tlk.models.registry import AdapterParameters
from tlk.seeding import derive_seed

_BLOCK = 256  # images


class TrainedViews(Model):
    """Base of models whose embeddings are adapters' unit embeddings, laid end to end, of a network's `views`.

    A whitened PCA of what the network makes of the training images before it learns is a start from which few steps
    suffice. Each adapter is trained on its own loss, the network on all of them.
    """

    def __init__(
        self,
        parameters: AdapterParameters,
        network: nn.Module,
        views: Callable[[Tensor], list[Tensor]],
        size: int,
        rate: float,
    ) -> None:
        super().__init__()
        self.network = network
        self._views = views  # of `(b, size)` inputs
        self._rate = rate  # learning rate of the network's layers over that of the adapters
        widths = [outputs.shape[1] for outputs in self._look(torch.zeros(1, size))]
        self.parts = len(widths)
        self.adapters = nn.ModuleList(Adapter(parameters, Given((width,))) for width in widths)

    @torch.no_grad()
    def fit(self, inputs: Tensor, seed: int) -> None:
        """Fit every adapter's PCA on what the untrained network makes of `(n, o, d)` training inputs, as they are."""
        views: list[list[Tensor]] = [[] for _ in self.adapters]
        for block in inputs.split(_BLOCK):
            for kept, outputs in zip(views, self._look(block[:, 0]), strict=True):
                kept.append(outputs.float()[:, None])
        for number, (adapter, kept) in enumerate(zip(self._adapters(), views, strict=True)):
            adapter.fit(torch.cat(kept), derive_seed(seed, "adapter", number))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the `(b, parts × components)` embeddings of `(b, d)` inputs, each part at length 1."""
        views = zip(self._adapters(), self._views(inputs), strict=True)
        outputs = [adapter(adapter.reduce(view)) for adapter, view in views]
        return torch.cat([nn.functional.normalize(output.float(), dim=1) for output in outputs], dim=1)

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the linear layers, which do not decay, and the network's layers, each with its learning rate."""
        trained = [p for p in self.network.parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [{"params": list(self.adapters.parameters()), "lr": rate, "weight_decay": 0.0}]
        return groups + ([{"params": trained, "lr": rate * self._rate}] if trained else [])

    def _look(self, inputs: Tensor) -> list[Tensor]:
        """Return the network's views of inputs, as precise as it is fast."""
        precision = native_precision(inputs.device)
        with torch.autocast(inputs.device.type, dtype=precision, enabled=precision != torch.float32):
            return self._views(inputs)

    def _adapters(self) -> list[Adapter]:
        found: list[Adapter] = list(self.adapters)  # type: ignore[arg-type]  # nn.ModuleList forgets what it holds
        return found
