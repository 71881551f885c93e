"""Which regions of one picture answer to which of another: cells of feature maps, each compared with each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from tlk.backbones.stages import as_maps, find_stages
from tlk.constants import GRADIENT_MAPS
from tlk.embeddings.gradient_maps import gradient_maps
from tlk.models.base import Model
from tlk.models.cut import CutBackbone
from tlk.models.tail import FineTuned
from tlk.models.tuned_adapters import TunedAdapters

MOST_CELLS = 14  # a side: finer ones are averaged, for what is to be looked at
_NEIGHBOURHOOD = 3  # cells of gradients that make one


@dataclass(frozen=True)
class Matches:
    """For each cell of the left picture the most alike of the right: `(h, w, 2)` row and column, `(h, w)` cosine.

    `mutual` marks those that are the most alike both ways; `product` is what the two cells, as long as they are, add to
    the product of the pooled maps: a strong cell counts for more than a faint one.
    """

    place: np.ndarray
    similarity: np.ndarray
    mutual: np.ndarray
    product: np.ndarray


def match_cells(left: np.ndarray, right: np.ndarray) -> Matches:
    """Compare `(c, h, w)` maps of two pictures, every cell with every cell by their cosine.

    What all cells of one picture have in common does not say which of them is meant, and is taken out before.
    """
    first, second = (maps.reshape(len(maps), -1).T for maps in (left, right))  # (cells, c)
    cosines = _unit(first - first.mean(axis=0)) @ _unit(second - second.mean(axis=0)).T
    best = cosines.argmax(axis=1)
    mutual = cosines.argmax(axis=0)[best] == np.arange(len(best))
    place = np.stack(np.unravel_index(best, right.shape[1:]), axis=-1)
    product = (first * second[best]).sum(axis=1)
    shape = left.shape[1:]
    return Matches(
        place.reshape(*shape, 2), cosines.max(axis=1).reshape(shape), mutual.reshape(shape), product.reshape(shape)
    )


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12))


def gradient_cells(picture: np.ndarray) -> np.ndarray:
    """Return `(c, h, w)` maps of an `(h, w, 3)` uint8 picture: oriented gradients and colours, 3 × 3 of them a cell."""
    channels, side, _ = GRADIENT_MAPS
    maps = gradient_maps(picture).reshape(GRADIENT_MAPS).astype(np.float32)
    count = side // _NEIGHBOURHOOD
    parts = maps.reshape(channels, count, _NEIGHBOURHOOD, count, _NEIGHBOURHOOD)
    return np.asarray(parts.transpose(0, 2, 4, 1, 3).reshape(-1, count, count))


def last_maps(model: Model, see: Callable[[], Any]) -> np.ndarray:
    """Return the `(c, h, w)` last feature map that a model with a network of its own makes, while it is let `see`.

    Raises:
        UserError: its backbone does not say what its stages are.
    """
    if isinstance(model, FineTuned | TunedAdapters):
        network = model.network.network if isinstance(model.network, CutBackbone) else model.network
        return stage_maps(network, see)
    layers = [module for module in model.modules() if not list(module.children())]
    outputs = [output for output in _outputs(layers, see) if output.ndim == 4 and output.shape[-1] > 1]
    return _reduced(outputs[-1])


def stage_maps(network: nn.Module, see: Callable[[], Any]) -> np.ndarray:
    """Return the `(c, h, w)` maps that a timm network's last stage gives, while it is let `see`.

    Raises:
        UserError: the network does not say what its stages are.
    """
    return _reduced(as_maps(_outputs([find_stages(network)[-1]], see)[-1], network))


@torch.no_grad()
def _outputs(layers: list[nn.Module], see: Callable[[], Any]) -> list[Tensor]:
    kept: list[Tensor] = []
    handles = [layer.register_forward_hook(lambda module, inputs, output: kept.append(output)) for layer in layers]
    try:
        see()
    finally:
        for handle in handles:
            handle.remove()
    return kept


def _reduced(maps: Tensor) -> np.ndarray:
    """Return the first of `(b, c, h, w)` maps, the picture as it is, of a size to look at."""
    array = maps[0].float().cpu().numpy()
    height, width = array.shape[1:]
    if max(height, width) <= MOST_CELLS:
        return array
    size = (min(width, MOST_CELLS), min(height, MOST_CELLS))
    return np.stack([cv2.resize(channel, size, interpolation=cv2.INTER_AREA) for channel in array])
