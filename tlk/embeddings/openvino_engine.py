"""OpenVINO on CPUs: a graph exported once, compared with PyTorch, kept on disk, and run by several threads at a time.

The export goes through OpenVINO's PyTorch front end itself: `openvino.convert_model` would report its use over the
network.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch

from tlk.embeddings.graph import Graph
from tlk.processes import cores

Outputs = list[np.ndarray]

_EXACT = 1e-3  # the largest difference, as a share of a vector's length


class CannotExport(Exception):  # noqa: N818  # no error: PyTorch runs what this cannot
    """OpenVINO does not know what the network does, or does it otherwise."""


class OpenVinoEngine:
    """A compiled graph for batches of one size; smaller ones are filled up."""

    def __init__(self, path: Path) -> None:
        import openvino

        settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "INFERENCE_NUM_THREADS": cores(),
            "ENABLE_CPU_PINNING": False,  # several processes would all be kept to the first cores
            "INFERENCE_PRECISION_HINT": "f32",  # left alone it takes bfloat16 where the processor has it
        }
        model = openvino.Core().compile_model(path / "graph.xml", "CPU", settings)
        self._shape = tuple(model.input(0).shape)
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")):
            self._idle.put(model.create_infer_request())

    def __call__(self, pixels: np.ndarray) -> Outputs:
        """Return one `(b, d)` float32 array a tap of `(b, h, w, 3)` uint8 pixels, b at most the size exported for."""
        count = len(pixels)
        if count < self._shape[0]:
            pixels = np.concatenate([pixels, np.zeros((self._shape[0] - count, *self._shape[1:]), np.uint8)])
        request = self._idle.get()
        try:
            outputs = request.infer([pixels], share_inputs=True)
            return [np.array(output[:count]) for output in outputs.to_tuple()]
        finally:
            self._idle.put(request)


def load(graph: Graph, exact: Callable[[np.ndarray], Outputs], shape: tuple[int, ...], exports: Path) -> OpenVinoEngine:
    """Return the engine of what lies in the folder `exports`, exported and compared with `exact` first if need be.

    Raises:
        CannotExport: the network cannot be exported, or the export gives other vectors.
    """
    if not (exports / "graph.xml").exists():
        _export(graph, exact, shape, exports)
    return OpenVinoEngine(exports)


def _export(graph: Graph, exact: Callable[[np.ndarray], Outputs], shape: tuple[int, ...], exports: Path) -> None:
    """Write the graph for batches of `shape` into the folder `exports`, whole or not at all."""
    pixels = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    expected = exact(pixels)
    exports.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=exports.parent, prefix=".export-"))
    try:
        _write(graph, pixels, beside)
        for ours, theirs in zip(OpenVinoEngine(beside)(pixels), expected, strict=True):
            largest = np.linalg.norm(theirs, axis=1).max()
            if not np.abs(ours - theirs).max() <= _EXACT * largest:
                raise CannotExport("its export gives other vectors")
        try:
            os.rename(beside, exports)
        except OSError:
            if not (exports / "graph.xml").exists():  # another process may have been faster
                raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write(graph: Graph, pixels: np.ndarray, folder: Path) -> None:
    import openvino
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of branches that a trace fixes: the shape is fixed, too
            decoder = TorchScriptPythonDecoder(graph, example_input=torch.from_numpy(pixels))
            frontend = FrontEndManager().load_by_framework("pytorch")
            model = frontend.convert(frontend.load(decoder))
        model.reshape(list(pixels.shape))
        openvino.save_model(model, folder / "graph.xml", compress_to_fp16=False)
    except Exception as error:  # the tracer and the front end raise many kinds
        raise CannotExport(str(error).strip().splitlines()[0][:150]) from error
