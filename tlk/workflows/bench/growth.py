"""How cost grows with the size of a collection: the exponent that fits the times at 1,000, 10,000 and 100,000."""

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tlk.workflows.bench.measure import Row, apart, grown
from tlk.workflows.bench.search import drawn

_HERE = "tlk.workflows.bench.growth"
_SUBSET = 2000  # candidates that mining looks at, whatever the number of anchors


def growth(sizes: tuple[int, ...]) -> list[Row]:
    """Return a row for each kind of work and size; the last one of a kind says the exponent."""
    rows = []
    for kind, what in (
        ("embedding", "{:,} pictures embedded"),
        ("mining", f"negatives of {{:,}} anchors among {_SUBSET:,}"),
        ("scoring", "{:,} lists scored and matched"),
    ):
        told = [apart(f"{_HERE}:{kind}", size) for size in sizes]
        logs = np.log(sizes), np.log([one["seconds"] for one in told])
        exponent = f"time grows with size to the power of {np.polyfit(*logs, 1)[0]:.2f}"
        for size, one in zip(sizes, told, strict=True):
            note = exponent if size == sizes[-1] else ""
            rows.append(Row("growth", what.format(size), one["seconds"], peak_mib=one["grown"], note=note))
    return rows


class _Pictures:
    """A source of as many different pictures as are asked for, drawn as they are read."""

    location = Path("drawn")
    name = "drawn"

    def __init__(self) -> None:
        file = io.BytesIO()
        noise = np.random.default_rng(0).integers(256, size=(12, 10, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((200, 245)).save(file, "JPEG")
        self._content = file.getvalue()

    def read(self, path: str) -> bytes:
        return self._content + path.encode()  # behind the end of a JPEG anything may stand


def embedding(size: int) -> dict[str, Any]:
    """Measure hashing, decoding, describing and storing, with the cheapest of the descriptors."""
    from tlk.data.reader import ImageReader
    from tlk.embeddings.descriptors import DescriptorEmbedder
    from tlk.embeddings.embed import fill
    from tlk.embeddings.store import VectorStore

    paths, source = [str(number) for number in range(size)], _Pictures()
    embedder = DescriptorEmbedder(["thumbnail-6"], mirrored=False)
    with tempfile.TemporaryDirectory() as folder:
        fill(embedder, ImageReader(source), ["first"], VectorStore(Path(folder)))  # type: ignore[arg-type]
        reader = ImageReader(source)  # type: ignore[arg-type]
        seconds, more = grown(lambda: fill(embedder, reader, paths, VectorStore(Path(folder))))
    return {"seconds": seconds, "grown": more}


def mining(size: int) -> dict[str, Any]:
    """Measure mining among a subset of fixed size."""
    import torch

    from tlk.miners.hard import Hard
    from tlk.miners.registry import HardParameters

    anchors, gallery = torch.from_numpy(drawn(size, 0)), torch.from_numpy(drawn(_SUBSET, 1))
    group, miner = torch.arange(size), Hard(HardParameters(k=20))

    def work() -> None:
        miner.select(lambda a, g: a @ g.T, anchors, None, gallery, group, torch.arange(_SUBSET) + size)

    work()
    seconds, more = grown(work)
    return {"seconds": seconds, "grown": more}


def scoring(size: int) -> dict[str, Any]:
    """Measure the similarities of lists of 20, and their matching."""
    from tlk.scoring.matching import match
    from tlk.scoring.similarity import list_similarities

    queries, gallery = drawn(size, 0), drawn(size, 1)
    own = np.arange(size)[:, None]
    foils = own + np.random.default_rng(0).integers(1, size // 19, (size, 19)).cumsum(axis=1)
    rows = np.concatenate([own, foils % size], axis=1)
    seconds, more = grown(lambda: match(list_similarities(queries, gallery, rows), rows, 0.5))
    return {"seconds": seconds, "grown": more}
