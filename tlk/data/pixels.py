"""Decoded pixels, kept between passes so that no image is decoded twice: memory-mapped, optional, capped."""

import threading
from pathlib import Path

import numpy as np

from tlk.data.shards import KEY, LOG, Shards, checksum
from tlk.errors import UserError

_FLUSH_BYTES = 64 * 1024 * 1024


class PixelCache:
    """`(h, w, 3)` uint8 images by content key; once `cap_bytes` are held it takes no more and still serves.

    Safe to use from several threads, and from several processes on one folder.
    """

    def __init__(self, folder: Path, cap_bytes: int) -> None:
        self._shards = Shards(folder, np.uint8, [("offset", "<u8"), ("height", "<u4"), ("width", "<u4")])
        self._cap = cap_bytes
        self._held = self._shards.size()
        self._waiting: dict[bytes, np.ndarray] = {}
        self._lock = threading.Lock()

    def get(self, key: bytes) -> np.ndarray | None:
        """Return the image of `key`, or None; a shard whose bytes have changed is removed, never served."""
        with self._lock:
            if key in self._waiting:
                return self._waiting[key]
            while True:
                shard, row = map(int, self._shards.find(np.array([key], KEY))[0])
                if shard < 0:
                    return None
                image = self._read(shard, row)
                if image is not None:
                    return image
                self._shards.discard([shard])  # another shard may have it: one that another process pruned

    def _read(self, shard: int, row: int) -> np.ndarray | None:
        """Return the image that a row of the index points at; None where it is gone or its bytes have changed."""
        data, record = self._shards.data(shard), self._shards.index(shard)[row]
        height, width, start = int(record["height"]), int(record["width"]), int(record["offset"])
        if data is None:
            return None
        flat = data[start : start + height * width * 3]
        whole = flat.size == height * width * 3 and self._shards.is_whole(shard, row, flat)
        return flat.reshape(height, width, 3) if whole else None

    def put(self, key: bytes, image: np.ndarray) -> None:
        """Keep `image` unless the cap is reached; written out a shard at a time, the last by `flush`."""
        with self._lock:
            if key in self._waiting or self._held + image.nbytes > self._cap:
                return
            self._waiting[key] = image
            self._held += image.nbytes
            if sum(waiting.nbytes for waiting in self._waiting.values()) >= _FLUSH_BYTES:
                self._write()

    def count(self) -> int:
        """Return how many images are held on disk now."""
        with self._lock:
            return self._shards.count()

    def size(self) -> int:
        """Return the bytes that they take."""
        return self._shards.size()

    def prune(self, keep: np.ndarray) -> int:
        """Forget the images of all content but `(n,)` keys and return how many that was.

        Only what was there at the last `count` is looked at: what was kept since then stays.

        Raises:
            UserError: the cache cannot be written to.
        """
        with self._lock:
            removed = self._shards.prune(keep, self._rewrite)
            self._held = self._shards.size() + sum(waiting.nbytes for waiting in self._waiting.values())
            return removed

    def _rewrite(self, shard: int, rows: np.ndarray) -> None:
        index = self._shards.index(shard)[rows]
        # Copies: each image that is mapped holds a file open.
        images = [None if image is None else np.array(image) for image in (self._read(shard, int(row)) for row in rows)]
        whole = np.array([image is not None for image in images])
        if whole.any():
            self._append(index[whole], [image for image in images if image is not None])

    def flush(self) -> None:
        """Write what is waiting."""
        with self._lock:
            self._write()

    def _write(self) -> None:
        images = list(self._waiting.values())
        if not images:
            return
        index = np.zeros(len(images), self._shards.record)
        index["key"] = list(self._waiting)
        index["crc"] = [checksum(image) for image in images]
        index["height"], index["width"] = zip(*(image.shape[:2] for image in images), strict=True)
        try:
            self._append(index, images)
        except UserError as error:  # a full disk costs the cache, not the run
            LOG.warning("the pixel cache takes no more: %s", str(error).splitlines()[0])
            self._cap = 0
        self._waiting = {}

    def _append(self, index: np.ndarray, images: list[np.ndarray]) -> None:
        index["offset"] = np.cumsum([0, *(image.nbytes for image in images)])[:-1]
        self._shards.append(index, np.concatenate([image.ravel() for image in images]))
