"""Frozen backbones from timm: any stage pooled, whole or in spatial cells."""

import os
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
from tlk.embeddings.schema import DEPTHS, ViewOfBackbone
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
        self._device = device
        self._mirrored = mirrored
        config = self.model.pretrained_cfg
        self._height, self._width = config["input_size"][1:]
        self._resample = Image.Resampling[config.get("interpolation", "bicubic").upper()]
        self._mean = torch.tensor(config["mean"], device=device).view(1, 3, 1, 1) * 255
        self._deviation = torch.tensor(config["std"], device=device).view(1, 3, 1, 1) * 255
        self._taps = _tap(self.model, views)
        self.identity = digest(part for key, value in _state(self.model) for part in (key.encode(), value))
        self.views = self._describe(name)

    def _describe(self, name: str) -> tuple[View, ...]:
        scaling = f"{self._mean.flatten().tolist()} {self._deviation.flatten().tolist()}"
        made_from = {
            "weights": self.identity,
            "architecture": str(self.model.pretrained_cfg["architecture"]),
            "input": f"{self._width}x{self._height} {self._resample.name} {scaling}",
            "precision": str(_precision(self._device)),
            "libraries": f"timm {version('timm')}, torch {torch.__version__}",
        }
        short = Path(name.removeprefix("local-dir:")).name
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
        pixels = torch.stack(list(prepared)).to(self._device, non_blocking=True)
        batch = ((pixels.float() - self._mean) / self._deviation).contiguous(memory_format=torch.channels_last)
        outputs = self._forward(batch)
        if self._mirrored:
            outputs += self._forward(batch.flip(-1).contiguous(memory_format=torch.channels_last))
        return outputs

    def _forward(self, batch: Tensor) -> list[np.ndarray]:
        with _autocast(self._device):
            final = self.model(batch)
        return [tap.pool(final).float().flatten(1).cpu().numpy() for tap in self._taps]


class _Tap:
    """Takes one activation out of a forward pass and pools it."""

    def __init__(self, name: str, cells: int, model: nn.Module) -> None:
        self.name = name
        self._cells = cells
        self._model = model
        self._output: Tensor | None = None

    def keep(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        """Forward hook."""
        self._output = output

    def pool(self, final: Tensor) -> Tensor:
        """Return the `(b, d)` vector; `final` is the network's own pooled embedding."""
        if self._output is None:
            return final
        maps = _as_maps(self._output, self._model).float()  # (b, c, h, w)
        self._output = None
        return nn.functional.adaptive_avg_pool2d(maps, self._cells).flatten(1)


def _tap(model: nn.Module, views: Sequence[ViewOfBackbone]) -> list[_Tap]:
    """Hook the stages that `views` name; two names of one stage in a shallow network count once."""
    stages = _stages(model)
    taps: dict[str, _Tap] = {}
    for view in views:
        if view.at == "final":
            taps.setdefault("final", _Tap("final", 1, model))
            continue
        depth = DEPTHS[view.at] if isinstance(view.at, str) else view.at
        number = int(np.ceil(depth * len(stages) - 1e-9)) - 1
        name = f"stage {number + 1} of {len(stages)}, {view.cells}x{view.cells}"
        if name not in taps:
            taps[name] = _Tap(name, view.cells, model)
            stages[number].register_forward_hook(taps[name].keep)
    return list(taps.values())


def _stages(model: Any) -> list[nn.Module]:
    """Return the network's stages, or its blocks where it has no stages, from the input upward."""
    blocks = getattr(model, "blocks", None)
    if isinstance(blocks, nn.Sequential | nn.ModuleList):
        return list(blocks)
    # The first entry of a ResNet-like network is its stem, which has no say in what things look like.
    infos = [info for info in model.feature_info if info["module"] not in ("act1", "stem", "conv1", "act")]
    return [model.get_submodule(info["module"]) for info in infos]


def _as_maps(output: Tensor, model: Any) -> Tensor:
    """Return an activation as `(b, c, h, w)`: from maps, maps with channels last, or tokens."""
    if output.ndim == 4:
        return output.permute(0, 3, 1, 2) if getattr(model, "output_fmt", "NCHW") == "NHWC" else output
    tokens = output[:, getattr(model, "num_prefix_tokens", 0) :]  # (b, h·w, c)
    height, width = model.patch_embed.grid_size
    return tokens.transpose(1, 2).reshape(len(tokens), -1, height, width)


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
    import timm

    try:
        model = timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:  # timm and the hub raise many kinds; all mean that there is no such network here
        why = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise UserError(
            f"backbone {name} cannot be loaded: {why}\n"
            "check the name against timm.list_models(), or name weights on disk: --backbone local-dir:PATH"
        ) from error
    return model.eval().requires_grad_(False)


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
