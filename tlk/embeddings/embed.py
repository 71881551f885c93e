"""Images in, vectors out: what the store has is read, the rest is computed once and kept."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np

from tlk.data.reader import ImageReader
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import Embedder
from tlk.errors import UserError

Progress = Callable[[int, int], None]  # images done, images to do
Share = tuple[int, int]  # which of how many
Announce = Callable[[int, int], None]  # images to do, bytes that they will take

_SHARD_IMAGES = 1024  # what a killed run loses at the most


def fill(
    embedder: Embedder,
    reader: ImageReader,
    paths: Sequence[str],
    store: VectorStore,
    progress: Progress | None = None,
    announce: Announce | None = None,
    share: Share = (0, 1),
) -> int:
    """Compute the vectors that `store` lacks and return for how many images that was.

    Each image is decoded once, whatever the number of views; files with the same content are computed once. Of several
    processes each computes its own `share`: an image belongs to one of them by its content, whenever they begin.

    Raises:
        UserError: an image cannot be read, a vector is not finite, or the disk is too small for what is to be stored.
    """
    keys = reader.keys(paths)
    todo = _own(store.lacking(embedder.views, keys), keys, share)
    if not todo:
        return 0
    chunks = [todo[start : start + _SHARD_IMAGES] for start in range(0, len(todo), _SHARD_IMAGES)]
    most = embedder.batch_size
    sizes = [min(most, len(chunk) - at) for chunk in chunks for at in range(0, len(chunk), most)]
    prepared = reader.prepared([paths[i] for i in todo], embedder.prepare, 2 * most)
    computed = _compute(embedder, prepared, sizes)
    done = 0
    for chunk in chunks:
        end, outputs = done + len(chunk), []
        while done < end:
            outputs.append(next(computed))
            if not done:  # nothing is written yet, and now it is known how much there will be
                size = len(todo) * sum(output[0].size * 2 for output in outputs[0])
                if announce:
                    announce(len(todo), size)
                store.require_room(size)
            done += len(outputs[-1][0])
            if progress:
                progress(done, len(todo))
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
    embedder: Embedder,
    reader: ImageReader,
    paths: Sequence[str],
    store: VectorStore,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> list[np.ndarray]:
    """Return one `(n, d)` float16 array a view for the images at `paths`, computing only what the store lacks.

    Raises:
        UserError: as `fill`, or the store cannot hold what is written to it.
    """
    keys = reader.keys(paths)
    for _ in range(2):  # a second time when a damaged shard was found and removed
        fill(embedder, reader, paths, store, progress, announce)
        vectors = [store.read(view, keys) for view in embedder.views]
        if all(v is not None for v in vectors):
            return [v for v in vectors if v is not None]
    raise UserError("the embedding store loses what is written to it\nput the cache elsewhere: TLK_CACHE=DIR")


def _own(positions: np.ndarray, keys: np.ndarray, share: Share) -> list[int]:
    """Return those of the positions whose images belong to a share."""
    number, count = share
    return [int(i) for i in positions if int.from_bytes(bytes(keys[i])[:4], "big") % count == number]


def _compute(embedder: Embedder, prepared: Iterator[Any], sizes: Sequence[int]) -> Iterator[list[np.ndarray]]:
    """Yield the embedder's outputs batch by batch, in order, while the following ones are prepared and computed.

    Where an image cannot be read, the batches before it come first.
    """
    running: deque[Future[list[np.ndarray]]] = deque()
    failure: UserError | None = None
    with ThreadPoolExecutor(embedder.parallel) as pool:
        for size in sizes:
            try:
                batch = list(islice(prepared, size))
            except UserError as error:
                failure = error
                break
            running.append(pool.submit(embedder.compute, batch))
            if len(running) > embedder.parallel:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    if failure is not None:
        raise failure
