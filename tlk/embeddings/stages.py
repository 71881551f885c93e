"""Activations taken out of a forward pass, and pooled."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from tlk.backbones.depths import stage_number
from tlk.backbones.stages import as_maps, find_stages, pool_cells
from tlk.embeddings.schema import ViewOfBackbone
from tlk.errors import UserError


class Tap:
    """One activation, kept during a forward pass and pooled after it; without a stage, the network's own embedding.

    With `maps` it stays whole, laid out flat as the network gave it.
    """

    def __init__(self, name: str, view: ViewOfBackbone, model: nn.Module, stage: nn.Module | None) -> None:
        self._view = view
        self._model = model
        self._stage = stage
        self._output: Any = None
        self.name = name
        if stage is not None and view.inside:
            _last_layer(stage, name).register_forward_pre_hook(self._keep_input)
        elif stage is not None:
            stage.register_forward_hook(self._keep)

    def _keep(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self._output = output

    def _keep_input(self, module: nn.Module, inputs: Any) -> None:
        (self._output,) = inputs

    def pool(self, final: Tensor) -> Tensor:
        """Return the `(b, d)` vectors of the pass that has just ended; `final` is what the network itself returned.

        Raises:
            ValueError: the stage was passed by, or gave something that is neither maps nor tokens.
        """
        if self._stage is None:
            return final
        output, self._output = self._output, None
        if self._view.maps and isinstance(output, Tensor):
            return output.flatten(1)
        maps = as_maps(output, self._model).float()  # (b, c, h, w)
        means = pool_cells(maps, self._view.cells)
        if self._view.pool == "mean":
            return means
        return (pool_cells(maps**2, self._view.cells) - means**2).clamp(min=0).sqrt()


def tap_stages(model: nn.Module, views: Sequence[ViewOfBackbone]) -> tuple[list[Tap], tuple[int, ...]]:
    """Return the taps, and which of them each view is: two names of one stage in a shallow network are one tap.

    Raises:
        UserError: a stage whose inside is asked for has no layer.
    """
    stages = find_stages(model)
    taps: dict[str, Tap] = {}
    names = []
    for view in views:
        if view.at == "final":
            taps.setdefault("final", Tap("final", view, model, None))
            names.append("final")
            continue
        number = stage_number(view.at, len(stages))
        pooling = "whole" if view.maps else f"{view.cells}x{view.cells}{' deviation' * (view.pool == 'deviation')}"
        name = f"stage {number + 1} of {len(stages)}{' inside' * view.inside}, {pooling}"
        if name not in taps:  # a tap hangs on the network from its making on
            taps[name] = Tap(name, view, model, stages[number])
        names.append(name)
    return list(taps.values()), tuple(list(taps).index(name) for name in names)


def _last_layer(stage: nn.Module, name: str) -> nn.Module:
    layers = [module for module in stage.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    if not layers:
        raise UserError(f"view {name}: the stage has no layer to look into\nleave inside out of this view")
    return layers[-1]
