"""Frozen backbones from timm: any stage pooled, whole or in spatial cells."""

import logging
import os
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

from tlk import torchvision_schemas
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

    def __init__(self, name: str, views: Sequence[ViewOfBackbone], mirrored: bool, device: torch.device) -> None:
        self.model = load_backbone(name).to(device, memory_format=torch.channels_last)
        self._name = name
        self._device = device
        self._mirrored = mirrored
        config = self.model.pretrained_cfg
        self._height, self._width = config["input_size"][1:]
        self._resample = Image.Resampling[config.get("interpolation", "bicubic").upper()]
        self._mean = torch.tensor(config["mean"], device=device).view(1, 3, 1, 1) * 255
        self._deviation = torch.tensor(config["std"], device=device).view(1, 3, 1, 1) * 255
        self._taps = tap_stages(self.model, views)
        self.identity = digest(part for key, value in _state(self.model) for part in (key.encode(), value))
        self.views = self._describe()

    def _describe(self) -> tuple[View, ...]:
        scaling = f"{self._mean.flatten().tolist()} {self._deviation.flatten().tolist()}"
        made_from = {
            "weights": self.identity,
            "network": digest([repr(self.model).encode()]),
            "code": digest(Path(module.__file__ or "").read_bytes() for module in (stages, sys.modules[__name__])),
            "decoder": DECODER,
            "input": f"{self._width}x{self._height} {self._resample.name} {scaling}",
            "precision": str(_precision(self._device)),
            "libraries": f"timm {version('timm')}, torch {torch.__version__}",
        }
        short = Path(self._name.removeprefix("local-dir:")).name
        sides = ("as is", "mirrored") if self._mirrored else ("as is",)
        return tuple(
            View(f"{short} {tap.name} {side}", (*made_from.items(), ("side", side)))
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


def load_backbone(name: str) -> Any:
    """Return a timm network without its classifier, pretrained, in evaluation mode.

    `name` is anything `timm.create_model` takes: a model's name, `hf-hub:…`, or `local-dir:PATH`.

    Raises:
        UserError: timm knows no such network, or its weights cannot be had.
    """
    if name.startswith("local-dir:"):
        folder = Path(name.removeprefix("local-dir:"))
        if not (folder / "config.json").is_file():
            raise UserError(
                f"backbone {name}: {folder} has no config.json\nname a folder with a timm config and weights"
            )
    torchvision_schemas.declare()
    if os.environ.get("TLK_OFFLINE") == "1":
        import huggingface_hub.constants

        huggingface_hub.constants.HF_HUB_OFFLINE = True  # its own variable is read only once, when it is imported
        _refuse_download(name)
    import timm

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries; what came of them is said below
    try:
        model = timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # timm and the hub raise many kinds; all mean that there is no such network here
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise UserError(
            f"backbone {name} cannot be loaded: {why}\n"
            "check the name against timm.list_models(), or name weights on disk: --backbone local-dir:PATH"
        ) from error
    return model.eval().requires_grad_(False)


def _refuse_download(name: str) -> None:
    """Raise a UserError if timm would fetch the weights from an address of their own, past the hub's offline mode."""
    from timm.models import get_pretrained_cfg

    config = None if ":" in name else get_pretrained_cfg(name, allow_unregistered=True)
    if config is not None and config.url and not config.hf_hub_id:
        raise UserError(
            f"backbone {name} would be downloaded, and TLK_OFFLINE=1 forbids it\nuse --backbone local-dir:PATH"
        )


def _state(model: nn.Module) -> list[tuple[str, bytes]]:
    state = sorted(model.state_dict().items())
    return [
        (key, value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()) for key, value in state
    ]


def _precision(device: torch.device) -> torch.dtype:
    """Return the fastest precision that `device` computes natively and that ranks like full precision."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device) >= (8, 0) else torch.float16
    if device.type == "cpu" and _cpu_has_bf16():
        return torch.bfloat16
    return torch.float32


def _cpu_has_bf16() -> bool:
    probes = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(probe() for probe in probes if probe is not None)


def _autocast(device: torch.device) -> AbstractContextManager[Any]:
    precision = _precision(device)
    return nullcontext() if precision == torch.float32 else torch.autocast(device.type, dtype=precision)
