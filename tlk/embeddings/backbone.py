"""Frozen backbones from timm: any stage pooled, whole or in spatial cells."""

import sys
import threading
from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from tlk.backbones import stages as backbone_stages
from tlk.backbones.load import load_resized
from tlk.data.images import DECODER
from tlk.embeddings import graph, stages
from tlk.embeddings.engine import Engine, build_engine, engine_name, largest_batch, precision_on
from tlk.embeddings.graph import Graph
from tlk.embeddings.schema import ViewOfBackbone
from tlk.embeddings.stages import tap_stages
from tlk.embeddings.views import View, digest
from tlk.errors import UserError
from tlk.processes import cores


class BackboneEmbedder:
    """Views of a frozen timm network.

    The whole image is squashed to the network's input, never cropped: the framing of a picture is part of its look.
    What an engine exports is kept below the folder `exports`.
    """

    def __init__(
        self,
        name: str,
        views: Sequence[ViewOfBackbone],
        mirrored: bool,
        device: torch.device,
        exports: Path,
        size: int | None = None,
    ) -> None:
        self.model = load_resized(name, size)
        config = self.model.pretrained_cfg
        self._name = name
        self._device = device
        self._mirrored = mirrored
        self._exports = exports
        self._height: int
        self._width: int
        self._height, self._width = (size, size) if size else config["input_size"][1:]
        self._own_size = size is None
        self._resample = Image.Resampling[config.get("interpolation", "bicubic").upper()]
        self._scaling = config["mean"], config["std"]
        self._taps, self.places = tap_stages(self.model, views)
        self.identity = digest(part for key, value in _state(self.model) for part in (key.encode(), value))
        self._engine_name = engine_name(device)
        self.views = self._describe()
        self.parallel = cores() if device.type == "cpu" and self._engine_name != "torch" else 1
        self._graph = Graph(self.model, self._taps, *self._scaling)
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def _describe(self) -> tuple[View, ...]:
        scaling = f"{[255 * x for x in self._scaling[0]]} {[255 * x for x in self._scaling[1]]}"
        modules = (graph, stages, backbone_stages, sys.modules[__name__])
        made_from = {
            "weights": self.identity,
            "network": digest([repr(self.model).encode()]),
            "code": digest(Path(module.__file__ or "").read_bytes() for module in modules),
            "decoder": DECODER,
            "input": f"{self._width}x{self._height} {self._resample.name} {scaling}",
            "precision": str(precision_on(self._device)),
            "libraries": ", ".join(
                f"{library} {version(library)}" for library in dict.fromkeys(("timm", "torch", self._engine_name))
            ),
        }
        short = Path(self._name.removeprefix("local-dir:")).name
        scale = "" if self._own_size else f" at {self._width}"
        sides = ("as is", "mirrored") if self._mirrored else ("as is",)
        return tuple(
            View(f"{short}{scale} {tap.name} {side}", (*made_from.items(), ("side", side)))
            for side in sides
            for tap in self._taps
        )

    @cached_property
    def batch_size(self) -> int:
        """How many images one pass takes: no more than fit into memory."""
        size = (self._height, self._width)
        return largest_batch(self._engine_name, self._graph, size, self._device, self.parallel)

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Squash an image to `(h, w, 3)` uint8."""
        return np.asarray(Image.fromarray(image).resize((self._width, self._height), self._resample))

    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        """Return one `(b, d)` float32 array a view: those of the images as they are, then those of their mirrors.

        Safe to call from several threads.

        Raises:
            UserError: a stage cannot be pooled.
        """
        pixels = np.stack(prepared)
        try:
            engine = self._built_engine()
            outputs = engine(pixels)
            if self._mirrored:
                outputs += engine(np.ascontiguousarray(pixels[:, :, ::-1]))
        except ValueError as error:
            raise UserError(
                f"backbone {self._name}: a stage cannot be pooled: {error}\n"
                "take its own embedding alone: --set 'embedding.views=[{at=\"final\"}]'"
            ) from error
        return outputs

    def _built_engine(self) -> Engine:
        """Return the engine, built when the first batch comes: a store that has everything needs none."""
        with self._lock:
            if self._engine is None:
                shape = (self.batch_size, self._height, self._width, 3)
                views = [view.fingerprint.encode() for view in self.views]
                folder = self._exports / digest([*views, repr(shape).encode()])
                self._engine = build_engine(self._engine_name, self._graph, self._device, shape, folder)
            return self._engine


def _state(model: nn.Module) -> list[tuple[str, bytes]]:
    state = sorted(model.state_dict().items())
    return [
        (key, value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()) for key, value in state
    ]
