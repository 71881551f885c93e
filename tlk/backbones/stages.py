"""The stages of a timm network, whatever its build."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from tlk.errors import UserError


def find_stages(model: Any) -> list[nn.Module]:
    """Return the network's stages, or its blocks where it has no stages, from the input upward, without the stem.

    Raises:
        UserError: it does not say what its stages are.
    """
    blocks = getattr(model, "blocks", None)
    if isinstance(blocks, nn.Sequential | nn.ModuleList) and len(blocks) > 1:
        stages = list(blocks)
    else:  # at half the input's size there is only the stem, which has no say in what things look like
        try:
            names = [info["module"] for info in model.feature_info if info["reduction"] > 2]
            stages = [model.get_submodule(name) for name in names]
        except AttributeError as error:
            raise UserError(
                f"backbone of class {type(model).__name__} does not say what its stages are\ntake another backbone"
            ) from error
    return [_last_of(stage) for stage in stages]


def _last_of(stage: nn.Module) -> nn.Module:
    """Return the stage, or the last of the list of modules that it is: a list is never called, its members are."""
    while isinstance(stage, nn.ModuleList):
        stage = stage[-1]
    return stage


def as_maps(output: Any, model: Any) -> Tensor:
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
    maps: Tensor = tokens.transpose(1, 2).unflatten(2, (height, width))
    return maps


def pool_cells(maps: Tensor, cells: int) -> Tensor:
    """Return the `(b, c · cells²)` means of `(b, c, h, w)` maps over cells × cells parts."""
    if maps.device.type == "mps":  # pools there only into cells that divide the map
        maps = maps.cpu()
    return nn.functional.adaptive_avg_pool2d(maps.float(), cells).flatten(1)


def train_from(network: nn.Module, first: nn.Module | None) -> None:
    """Let `first` and all modules behind it learn, in the order in which timm registers them; without it, none."""
    network.requires_grad_(False)
    behind = False
    for module in network.modules():
        behind = behind or module is first
        if behind:
            module.requires_grad_(True)


@torch.no_grad()
def output_of(network: nn.Module, name: str, side: int) -> Any:
    """Return what a network called `name` gives for one black picture of `side` pixels.

    Raises:
        UserError: it takes no pictures of that size.
    """
    try:
        return network(torch.zeros(1, 3, side, side))
    except (RuntimeError, AssertionError) as error:  # torch's kind, and that of timm's transformers
        raise UserError(
            f"backbone {name} takes no pictures of {side} pixels: {str(error).strip().splitlines()[0]}\n"
            "set pixels.size to the size that it was trained with, such as 224"
        ) from error


@torch.no_grad()
def look(network: nn.Module, stage: nn.Module, pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Return what `stage` and what the whole network gives for `(b, 3, h, w)` pictures."""
    kept: list[Tensor] = []
    handle = stage.register_forward_hook(lambda module, inputs, output: kept.append(output))
    final: Tensor = network(pictures)
    handle.remove()
    return kept[0], final
