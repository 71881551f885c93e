"""OpenVINO on CPUs: a graph exported once, compared with PyTorch, kept on disk, and run by several threads at a time.

The export goes through OpenVINO's PyTorch front end itself: `openvino.convert_model` would report its use over the
network.
"""

import json
import logging
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import torch

from tlk.embeddings.graph import Graph
from tlk.embeddings.quiet_openvino import import_openvino
from tlk.errors import UserError
from tlk.files import write_json
from tlk.processes import cores
from tlk.temporary import discard, temporary_folder

LOG = logging.getLogger("tlk")
Outputs = list[np.ndarray]

_CHECKSUMS = "checksums.json"
_EXACT = 1e-3  # the largest difference, as a share of a vector's length


class CannotExport(Exception):  # noqa: N818  # no error: PyTorch runs what this cannot
    """OpenVINO does not know what the network does, or does it otherwise."""


class OpenVinoEngine:
    """A compiled graph for batches of one size; smaller ones are filled up."""

    def __init__(self, path: Path) -> None:
        openvino = import_openvino()
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
        UserError: the folder cannot be written to.
    """
    if _is_whole(exports):
        return OpenVinoEngine(exports)
    return _export(graph, exact, shape, exports)


def _is_whole(exports: Path) -> bool:
    """Return whether there is an export that is what was written; a damaged one is named and removed."""
    if not exports.exists():
        return False
    try:
        known = json.loads((exports / _CHECKSUMS).read_text(encoding="utf-8"))
        if known == _checksums(exports):
            return True
        why = "a checksum does not match"
    except (OSError, ValueError) as error:
        why = str(error)
    LOG.warning("the exported network %s is damaged (%s): it is exported anew", exports, why)
    with suppress(OSError):  # a folder that is only to be read
        discard(exports)
    return False


def _checksums(exports: Path) -> dict[str, int]:
    return {path.name: zlib.crc32(path.read_bytes()) for path in sorted(exports.glob("graph.*"))}


def _export(
    graph: Graph, exact: Callable[[np.ndarray], Outputs], shape: tuple[int, ...], exports: Path
) -> OpenVinoEngine:
    """Write the graph for batches of `shape` into the folder `exports`, whole or not at all, and return its engine."""
    pixels = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
    expected = exact(pixels)
    try:
        exports.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(exports) as beside:
            _write(graph, pixels, beside)
            engine = OpenVinoEngine(beside)
            for ours, theirs in zip(engine(pixels), expected, strict=True):
                largest = np.linalg.norm(theirs, axis=1).max()
                if not np.abs(ours - theirs).max() <= _EXACT * largest:
                    raise CannotExport("its export gives other vectors")
            write_json(beside / _CHECKSUMS, _checksums(beside))
            with suppress(OSError):  # another process was faster
                beside.rename(exports)
            return engine
    except OSError as error:
        remedy = "free some space, or put the cache elsewhere: TLK_CACHE=DIR"
        raise UserError(f"cannot write {exports}: {error.strerror}\n{remedy}") from error


def _write(graph: Graph, pixels: np.ndarray, folder: Path) -> None:
    openvino = import_openvino()
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
