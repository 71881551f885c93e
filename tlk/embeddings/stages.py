"""Activations taken out of a forward pass, and pooled."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from tlk.backbones.depths import stage_number
from tlk.backbones.stages import as_maps, find_stages
from tlk.embeddings.schema import ViewOfBackbone


class Tap:
    """One activation, kept during a forward pass and pooled after it; without a stage, the network's own embedding.

    Without cells it stays whole, laid out flat as the network gave it.
    """

    def __init__(self, name: str, cells: int | None, model: nn.Module, stage: nn.Module | None) -> None:
        self.name = name
        self._cells = cells
        self._model = model
        self._stage = stage
        self._output: Any = None
        if stage is not None:
            stage.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._output = output

    def pool(self, final: Tensor) -> Tensor:
        """Return the `(b, d)` vectors of the pass that has just ended; `final` is what the network itself returned.

        Raises:
            ValueError: the stage was passed by, or gave something that is neither maps nor tokens.
        """
        if self._stage is None:
            return final
        output, self._output = self._output, None
        if self._cells is None and isinstance(output, Tensor):
            return output.flatten(1)
        maps = as_maps(output, self._model).float()  # (b, c, h, w)
        if maps.device.type == "mps":  # pools there only into cells that divide the map
            maps = maps.cpu()
        return nn.functional.adaptive_avg_pool2d(maps, self._cells).flatten(1)


def tap_stages(model: nn.Module, views: Sequence[ViewOfBackbone]) -> list[Tap]:
    """Return a tap a view; two names of one stage in a shallow network count once."""
    stages = find_stages(model)
    taps: dict[str, Tap] = {}
    for view in views:
        if view.at == "final":
            taps.setdefault("final", Tap("final", 1, model, None))
            continue
        number = stage_number(view.at, len(stages))
        pooling = "whole" if view.maps else f"{view.cells}x{view.cells}"
        name = f"stage {number + 1} of {len(stages)}, {pooling}"
        if name not in taps:
            taps[name] = Tap(name, None if view.maps else view.cells, model, stages[number])
    return list(taps.values())
