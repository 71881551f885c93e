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
            shard, row = map(int, self._shards.find(np.array([key], KEY))[0])
            if shard < 0:
                return None
            record = self._shards.index(shard)[row]
            height, width, start = int(record["height"]), int(record["width"]), int(record["offset"])
            flat = self._shards.data(shard)[start : start + height * width * 3]
            if flat.size == height * width * 3 and self._shards.is_whole(shard, row, flat):
                return flat.reshape(height, width, 3)
            self._shards.discard([shard])
            return None

    def put(self, key: bytes, image: np.ndarray) -> None:
        """Keep `image` unless the cap is reached; written out a shard at a time, the last by `flush`."""
        with self._lock:
            if key in self._waiting or self._held + image.nbytes > self._cap:
                return
            self._waiting[key] = image
            self._held += image.nbytes
            if sum(waiting.nbytes for waiting in self._waiting.values()) >= _FLUSH_BYTES:
                self._write()

    def prune(self, keep: np.ndarray) -> int:
        """Forget the images of all content but `(n,)` keys and return how many that was."""
        with self._lock:
            return self._shards.prune(keep, self._rewrite)

    def _rewrite(self, shard: int, rows: np.ndarray) -> None:
        index, data = self._shards.index(shard)[rows], self._shards.data(shard)
        sizes = index["height"].astype(np.int64) * index["width"] * 3
        images = [np.array(data[at : at + size]) for at, size in zip(index["offset"].astype(int), sizes, strict=True)]
        index["offset"] = np.cumsum([0, *sizes])[:-1]
        self._shards.append(index, np.concatenate(images))

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
        index["offset"] = np.cumsum([0, *(image.nbytes for image in images)])[:-1]
        index["height"], index["width"] = zip(*(image.shape[:2] for image in images), strict=True)
        try:
            self._shards.append(index, np.concatenate([image.ravel() for image in images]))
        except UserError as error:  # a full disk costs the cache, not the run
            LOG.warning("the pixel cache takes no more: %s", str(error).splitlines()[0])
            self._cap = 0
        self._waiting = {}
