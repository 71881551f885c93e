"""The stages of a timm network, whatever its build, and activations taken out of a forward pass and pooled."""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from tlk.embeddings.schema import DEPTHS, ViewOfBackbone


class Tap:
    """One activation, kept during a forward pass and pooled after it; without a stage, the network's own embedding."""

    def __init__(self, name: str, cells: int, model: nn.Module, stage: nn.Module | None) -> None:
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
        maps = _as_maps(output, self._model).float()  # (b, c, h, w)
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
        depth = DEPTHS[view.at] if isinstance(view.at, str) else view.at
        number = math.ceil(depth * len(stages) - 1e-9) - 1
        name = f"stage {number + 1} of {len(stages)}, {view.cells}x{view.cells}"
        if name not in taps:
            taps[name] = Tap(name, view.cells, model, stages[number])
    return list(taps.values())


def find_stages(model: Any) -> list[nn.Module]:
    """Return the network's stages, or its blocks where it has no stages, from the input upward, without the stem."""
    blocks = getattr(model, "blocks", None)
    if isinstance(blocks, nn.Sequential | nn.ModuleList) and len(blocks) > 1:
        stages = list(blocks)
    else:  # at half the input's size there is only the stem, which has no say in what things look like
        names = [info["module"] for info in model.feature_info if info["reduction"] > 2]
        stages = [model.get_submodule(name) for name in names]
    return [_last_of(stage) for stage in stages]


def _last_of(stage: nn.Module) -> nn.Module:
    """Return the stage, or the last of the list of modules that it is: a list is never called, its members are."""
    while isinstance(stage, nn.ModuleList):
        stage = stage[-1]
    return stage


def _as_maps(output: Any, model: Any) -> Tensor:
    """Return an activation as `(b, c, h, w)`: from maps, maps with channels last, or tokens."""
    if not isinstance(output, Tensor) or output.ndim not in (3, 4):
        raise ValueError("neither maps nor tokens")
    if output.ndim == 4:
        square = output.shape[1] == output.shape[2] != output.shape[3]
        return output.permute(0, 3, 1, 2) if square or getattr(model, "output_fmt", "NCHW") == "NHWC" else output
    count = output.shape[1]  # (b, prefix + h·w, c)
    height, width = getattr(getattr(model, "patch_embed", None), "grid_size", None) or (count, count)
    if height * width > count:
        height = width = math.isqrt(count)
    tokens = output[:, count - height * width :]  # class and register tokens stand first
    return tokens.transpose(1, 2).reshape(len(tokens), -1, height, width)
