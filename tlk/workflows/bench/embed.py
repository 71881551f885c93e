"""Embedding: cold, start-up and export counted, beside the plain loop; and warm, beside the bare forward pass."""

import sys
import tempfile
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tlk.data.competition import Competition
from tlk.data.reader import ImageReader
from tlk.workflows.bench.measure import Row, apart, run_program, seconds_of

_HERE = "tlk.workflows.bench.embed"
_WARM = 2048  # images


def embed(data: Path, backbone: str) -> list[Row]:
    """Return the comparisons on the images of the competition in the folder `data`.

    open-metric-learning's inference stands beside ours where it is installed.
    """
    names = image_files(data)
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "names.txt"
        listing.write_text("\n".join(names), encoding="utf-8")
        command = [sys.executable, "-m", "tlk", "embed", "--data", str(data), "--backbone", backbone]
        seconds, peak, _ = run_program(command, {"TLK_CACHE": str(Path(folder) / "cache")})
        others = {"plain_loop": "timm, PIL, DataLoader with 2 workers, batches of 32"}
        if find_spec("oml") is not None:
            others["oml_inference"] = "open-metric-learning's inference of the same network, workers and batches"
        rows = []
        for module, beside in others.items():
            program = [sys.executable, "-m", f"tlk.workflows.bench.{module}", str(listing), backbone]
            theirs, their_peak, _ = run_program(program)
            what = f"tlk embed of {len(names):,} images, cold"
            note = f"{len(names) / seconds:.0f} images a second beside {len(names) / theirs:.0f}"
            rows.append(Row("embed", what, seconds, f"{beside} ({their_peak:.0f} MiB)", theirs, peak, note))
        told = apart(f"{_HERE}:warm", str(data), backbone)
    what = f"{told['count']:,} images in a warm process"
    rate, share = told["count"] / told["seconds"], told["forward"] / told["seconds"]
    note = f"{rate:.0f} images a second, {share:.0%} of the engine's own rate"
    return [*rows, Row("embed", what, told["seconds"], "the forward passes alone", told["forward"], None, note)]


def image_files(data: Path) -> list[str]:
    """Return the files of all images of whatever halves are there."""
    return [str(data / path) for path in Competition(data).image_paths()]


def warm(data: str, backbone: str) -> dict[str, Any]:
    """Measure embedding, files to stored vectors, and the forward passes alone, in a process that has done some."""
    from tlk.embeddings.embed import fill
    from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
    from tlk.embeddings.store import VectorStore
    from tlk.workflows.inputs import build_embedder, choose_device

    competition = Competition(Path(data))
    paths = competition.image_paths()[:_WARM]
    view = ViewOfBackbone(at="final")
    parameters = EmbeddingParameters(backbone=backbone, views=(view,), mirrored=False)
    with tempfile.TemporaryDirectory() as folder:
        embedder = build_embedder(parameters, choose_device("auto"), Path(folder) / "exports")
        reader = ImageReader(competition.source)
        fill(embedder, reader, paths[:64], VectorStore(Path(folder) / "first"))
        store = VectorStore(Path(folder) / "second")
        seconds = seconds_of(lambda: fill(embedder, ImageReader(competition.source), paths, store))
        pixels = [embedder.prepare(image) for image in reader.images(paths)]
        forward = seconds_of(lambda: _forward(embedder, pixels))
    return {"seconds": seconds, "forward": forward, "count": len(paths)}


def _forward(embedder: Any, pixels: Sequence[np.ndarray]) -> None:
    """Compute all batches, as many at a time as the embedder allows."""
    size = embedder.batch_size
    with ThreadPoolExecutor(embedder.parallel) as pool:
        deque(pool.map(embedder.compute, (pixels[at : at + size] for at in range(0, len(pixels), size))), maxlen=0)
