"""Images of one source, in order, decoded ahead by worker threads."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import TypeVar

import numpy as np

from tlk.data.images import decode_image
from tlk.data.pixels import PixelCache
from tlk.data.shards import KEY
from tlk.data.source import Source
from tlk.errors import UserError
from tlk.processes import cores

T = TypeVar("T")

_AHEAD = 64
_TOGETHER = 64  # files that a thread hashes before it asks for more


class ImageReader:
    """Reads, hashes and decodes the images of `source`; with `pixels`, a second pass decodes nothing."""

    def __init__(self, source: Source, pixels: PixelCache | None = None) -> None:
        self._source = source
        self._pixels = pixels
        self._keys: dict[str, bytes] = {}

    def keys(self, paths: Sequence[str]) -> np.ndarray:
        """Return the `(n,)` content keys of the files: 16 bytes of BLAKE2 over each file's bytes.

        Raises:
            UserError: a file cannot be read.
        """
        new = [path for path in dict.fromkeys(paths) if path not in self._keys]
        parts = [new[at : at + _TOGETHER] for at in range(0, len(new), _TOGETHER)]
        with ThreadPoolExecutor(cores()) as pool:
            keys = pool.map(lambda part: [content_key(self._source.read(path)) for path in part], parts)
            self._keys.update(zip(new, chain.from_iterable(keys), strict=True))
        return np.array([self._keys[path] for path in paths], KEY)

    def images(self, paths: Sequence[str]) -> Iterator[np.ndarray]:
        """Yield each path's `(h, w, 3)` uint8 image, in order; at most a few dozen are in memory.

        Raises:
            UserError: a file cannot be read or decoded.
        """
        return self.prepared(paths, lambda image: image)

    def prepared(self, paths: Sequence[str], prepare: Callable[[np.ndarray], T], ahead: int = _AHEAD) -> Iterator[T]:
        """Yield `prepare(image)` of each path's image, in order; the worker threads prepare, too, `ahead` at the most.

        Raises:
            UserError: a file cannot be read or decoded.
        """
        return self._ahead(paths, lambda path: prepare(self._load(path)), ahead)

    def attempts(self, paths: Sequence[str]) -> Iterator[np.ndarray | UserError]:
        """Yield each path's image, in order, or what is wrong with it."""

        def attempt(path: str) -> np.ndarray | UserError:
            try:
                return self._load(path)
            except UserError as error:
                return error

        return self._ahead(paths, attempt)

    def _ahead(self, paths: Sequence[str], work: Callable[[str], T], ahead: int = _AHEAD) -> Iterator[T]:
        """Yield `work(path)` in order while the threads are some dozens of paths ahead."""
        running: deque[Future[T]] = deque()
        with ThreadPoolExecutor(cores()) as pool:
            try:
                for path in paths:
                    running.append(pool.submit(work, path))
                    if len(running) >= ahead:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
            finally:  # also where the caller takes the last image and never asks again
                for future in running:
                    future.cancel()
                if self._pixels is not None:
                    self._pixels.flush()

    def _load(self, path: str) -> np.ndarray:
        known = self._keys.get(path)
        if self._pixels is not None and known is not None:
            cached = self._pixels.get(known)
            if cached is not None:
                return cached
        data = self._source.read(path)
        image = decode_image(data, f"{self._source.location}/{path}")
        if self._pixels is not None:
            key = content_key(data)
            self._keys.setdefault(path, key)
            self._pixels.put(key, image)
        return image


def content_key(data: bytes) -> bytes:
    """Return the 16-byte key of a file's content."""
    return hashlib.blake2b(data, digest_size=16).digest()
