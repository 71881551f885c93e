"""Frozen backbones from timm: any stage pooled, whole or in spatial cells."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tlk.backbones import stages as backbone_stages
from tlk.backbones.load import load_resized
from tlk.backbones.precision import native_precision
from tlk.data.images import DECODER
from tlk.embeddings import stages
from tlk.embeddings.schema import ViewOfBackbone
from tlk.embeddings.stages import tap_stages
from tlk.embeddings.views import View, digest
from tlk.errors import UserError

_BATCH = 32


class BackboneEmbedder:
    """Views of a frozen timm network.

    The whole image is squashed to the network's input, never cropped: the framing of a picture is part of its look.
    """

    batch_size = _BATCH

    def __init__(
        self,
        name: str,
        views: Sequence[ViewOfBackbone],
        mirrored: bool,
        device: torch.device,
        size: int | None = None,
    ) -> None:
        self.model = load_resized(name, size).to(device, memory_format=torch.channels_last)
        self._name = name
        self._device = device
        self._mirrored = mirrored
        config = self.model.pretrained_cfg
        self._height: int
        self._width: int
        self._height, self._width = (size, size) if size else config["input_size"][1:]
        self._own_size = size is None
        self._resample = Image.Resampling[config.get("interpolation", "bicubic").upper()]
        self._mean = torch.tensor(config["mean"], device=device).view(1, 3, 1, 1) * 255
        self._deviation = torch.tensor(config["std"], device=device).view(1, 3, 1, 1) * 255
        self._taps, self.places = tap_stages(self.model, views)
        self.identity = digest(part for key, value in _state(self.model) for part in (key.encode(), value))
        self.views = self._describe()

    def _describe(self) -> tuple[View, ...]:
        scaling = f"{self._mean.flatten().tolist()} {self._deviation.flatten().tolist()}"
        made_from = {
            "weights": self.identity,
            "network": digest([repr(self.model).encode()]),
            "code": digest(
                Path(module.__file__ or "").read_bytes() for module in (stages, backbone_stages, sys.modules[__name__])
            ),
            "decoder": DECODER,
            "input": f"{self._width}x{self._height} {self._resample.name} {scaling}",
            "precision": str(native_precision(self._device)),
            "libraries": f"timm {version('timm')}, torch {torch.__version__}",
        }
        short = Path(self._name.removeprefix("local-dir:")).name
        scale = "" if self._own_size else f" at {self._width}"
        sides = ("as is", "mirrored") if self._mirrored else ("as is",)
        return tuple(
            View(f"{short}{scale} {tap.name} {side}", (*made_from.items(), ("side", side)))
            for side in sides
            for tap in self._taps
        )

    def prepare(self, image: np.ndarray) -> Tensor:
        """Squash an image to `(3, H, W)` uint8."""
        resized = Image.fromarray(image).resize((self._width, self._height), self._resample)
        return torch.from_numpy(np.array(resized)).permute(2, 0, 1)

    @torch.inference_mode()
    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        """Return one `(b, d)` float32 array a view: those of the images as they are, then those of their mirrors."""
        pixels = torch.stack(list(prepared)).to(self._device)
        batch = ((pixels.float() - self._mean) / self._deviation).contiguous(memory_format=torch.channels_last)
        outputs = self._forward(batch)
        if self._mirrored:
            outputs += self._forward(batch.flip(-1).contiguous(memory_format=torch.channels_last))
        return outputs

    def _forward(self, batch: Tensor) -> list[np.ndarray]:
        with _autocast(self._device):
            final = self.model(batch)
        try:
            return [tap.pool(final).float().flatten(1).cpu().numpy() for tap in self._taps]
        except ValueError as error:
            raise UserError(
                f"backbone {self._name}: a stage cannot be pooled: {error}\n"
                "take its own embedding alone: --set 'embedding.views=[{at=\"final\"}]'"
            ) from error


def _state(model: nn.Module) -> list[tuple[str, bytes]]:
    state = sorted(model.state_dict().items())
    return [
        (key, value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()) for key, value in state
    ]


def _autocast(device: torch.device) -> AbstractContextManager[Any]:
    precision = native_precision(device)
    return nullcontext() if precision == torch.float32 else torch.autocast(device.type, dtype=precision)
