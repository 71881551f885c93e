"""Engines: how a graph is run on a device. PyTorch is always there; on CPUs OpenVINO is several times as fast.

Measured on two cores with MobileNetV2 at 224 pixels in full precision, images a second, best of three: OpenVINO 387,
ONNX Runtime 364, PyTorch 60.
"""

import logging
import math
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
import torch
from accelerate.utils.memory import should_reduce_batch_size
from torch import nn

from tlk.embeddings.graph import Graph
from tlk.errors import UserError

LOG = logging.getLogger("tlk")
ENGINES = ("auto", "torch", "openvino")
_ACTIVATIONS = 4  # of the largest size that are alive at a time


class Engine(Protocol):
    """Runs a graph; safe to call from several threads."""

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Return one `(b, d)` float32 array a tap of `(b, h, w, 3)` uint8 pixels."""


class TorchEngine:
    """Plain PyTorch, on any device; in full precision the oracle that everything faster is held to."""

    def __init__(self, graph: Graph, device: torch.device) -> None:
        self._graph: Any = graph.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device = device

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Return one `(b, d)` float32 array a tap of `(b, h, w, 3)` uint8 pixels; out of memory, in two halves."""
        try:
            outputs = self._run(pixels, precision_on(self._device))
            finite = all(np.isfinite(output).all() for output in outputs)
            return outputs if finite else self.exact(pixels)  # half precision has overflowed
        except RuntimeError as error:
            if len(pixels) == 1 or not should_reduce_batch_size(error):
                raise
        halves = [self(half) for half in np.array_split(pixels, 2)]
        return [np.concatenate(parts) for parts in zip(*halves, strict=True)]

    def exact(self, pixels: np.ndarray) -> list[np.ndarray]:
        """Return the same in full precision."""
        return self._run(pixels, torch.float32)

    @torch.inference_mode()
    def _run(self, pixels: np.ndarray, precision: torch.dtype) -> list[np.ndarray]:
        batch = torch.from_numpy(pixels)
        if self._device.type == "cuda":
            batch = batch.pin_memory()
        with torch.autocast(self._device.type, precision, enabled=precision != torch.float32):
            outputs = self._graph(batch.to(self._device, non_blocking=True))
        return [output.cpu().numpy() for output in outputs]


def precision_on(device: torch.device) -> torch.dtype:
    """Return the precision that frozen networks compute in: half on CUDA, full elsewhere.

    Half means float16: on MobileNetV2 its embeddings have a mean cosine of 0.9998 with those in full precision,
    bfloat16's 0.9946, which is not the same ranking any more. On CPUs full precision is fast enough by OpenVINO.
    """
    return torch.float16 if device.type == "cuda" else torch.float32


def largest_batch(name: str, graph: Graph, size: tuple[int, int], device: torch.device, parallel: int) -> int:
    """Return how many pictures of `(h, w)` pixels the engine called `name` runs at a time: a power of two.

    It is no more than serves: OpenVINO is fastest while a batch's activations stay in the processor's cache. And
    `parallel` batches may take no more than a quarter of the free memory, if a picture takes as much as a network's
    largest activation a few times over.
    """
    largest = 0

    def look(module: nn.Module, inputs: Any, output: Any) -> None:
        nonlocal largest
        largest = max(largest, output.numel() if isinstance(output, torch.Tensor) else 0)

    handles = [module.register_forward_hook(look) for module in graph.network.modules()]
    with torch.inference_mode():
        graph.network(torch.zeros(1, 3, *size))
    for handle in handles:
        handle.remove()
    if device.type == "cuda":
        free, most = torch.cuda.mem_get_info(device)[0], 256
    else:
        free, most = psutil.virtual_memory().available, 4 if name == "openvino" else 32
    fitting = free / 4 / parallel / (_ACTIVATIONS * 4 * max(1, largest))
    return min(most, 1 << int(math.log2(max(1.0, fitting))))


def engine_name(device: torch.device) -> str:
    """Return which engine runs on `device`: what TLK_ENGINE says, by default OpenVINO on CPUs where it is installed.

    Raises:
        UserError: TLK_ENGINE is none of the engines, or names one that this machine does not have.
    """
    asked = os.environ.get("TLK_ENGINE") or "auto"
    if asked not in ENGINES:
        raise UserError(f"TLK_ENGINE={asked}: no such engine\nset it to one of {', '.join(ENGINES)}")
    there = find_spec("openvino") is not None
    if asked == "openvino" and not (there and device.type == "cpu"):
        why = "it is not installed: pip install 'tlk[cpu]'" if not there else f"it does not run on {device.type}"
        raise UserError(f"TLK_ENGINE=openvino: {why}\nset it to auto")
    return "openvino" if asked != "torch" and there and device.type == "cpu" else "torch"


def build_engine(
    name: str, graph: Graph, device: torch.device, shape: tuple[int, int, int, int], exports: Path
) -> Engine:
    """Return the engine called `name` for batches of `(b, h, w, 3)`; what it exports is kept in the folder `exports`.

    A network that OpenVINO cannot take, or computes otherwise than PyTorch, is run by PyTorch, and a line says so.
    """
    plain = TorchEngine(graph, device)
    if name == "torch":
        return plain
    from tlk.embeddings import openvino_engine

    try:
        return openvino_engine.load(graph, plain.exact, shape, exports)
    except openvino_engine.CannotExport as error:
        LOG.warning("OpenVINO cannot run this network (%s): PyTorch does, more slowly", error)
        return plain
