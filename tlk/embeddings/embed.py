"""Images in, vectors out: what the store has is read, the rest is computed once and kept."""

from collections.abc import Callable, Sequence

import numpy as np

from tlk.data.reader import ImageReader
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import Embedder
from tlk.errors import UserError

Progress = Callable[[int, int], None]  # images done, images to do

_SHARD_IMAGES = 1024  # what a killed run loses at the most


def fill(
    embedder: Embedder, reader: ImageReader, paths: Sequence[str], store: VectorStore, progress: Progress | None = None
) -> int:
    """Compute the vectors that `store` lacks and return for how many images that was.

    Each image is decoded once, whatever the number of views; files with the same content are computed once.
    """
    keys = reader.keys(paths)
    lacking = np.zeros(len(keys), bool)
    for view in embedder.views:
        lacking |= store.missing(view, keys)
    _, first = np.unique(keys, return_index=True)
    todo = [int(i) for i in np.sort(first) if lacking[i]]
    prepared = reader.prepared([paths[i] for i in todo], embedder.prepare)
    for start in range(0, len(todo), _SHARD_IMAGES):
        chunk = todo[start : start + _SHARD_IMAGES]
        outputs: list[list[np.ndarray]] = []
        for at in range(0, len(chunk), embedder.batch_size):
            size = min(embedder.batch_size, len(chunk) - at)
            outputs.append(embedder.compute([next(prepared) for _ in range(size)]))
            if progress:
                progress(start + at + size, len(todo))
        for view, parts in zip(embedder.views, zip(*outputs, strict=True), strict=True):
            vectors = np.concatenate(parts)
            if not np.isfinite(vectors).all():
                broken = paths[chunk[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]]
                raise UserError(
                    f"view {view.name} of {broken} is not finite: half precision overflowed, or weights are broken\n"
                    "take another backbone, or --device cpu"
                )
            store.append(view, keys[chunk], vectors)
    return len(todo)


def embed(
    embedder: Embedder, reader: ImageReader, paths: Sequence[str], store: VectorStore, progress: Progress | None = None
) -> list[np.ndarray]:
    """Return one `(n, d)` float16 array a view for the images at `paths`, computing only what the store lacks.

    Raises:
        UserError: an image cannot be read, or the store cannot hold what is written to it.
    """
    keys = reader.keys(paths)
    for _ in range(2):  # a second time when a damaged shard was found and removed
        fill(embedder, reader, paths, store, progress)
        vectors = [store.read(view, keys) for view in embedder.views]
        if all(v is not None for v in vectors):
            return [v for v in vectors if v is not None]
    raise UserError("the embedding store loses what is written to it\nput the cache elsewhere: TLK_CACHE=DIR")
