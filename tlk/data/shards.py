"""Append-only, content-addressed shards: the file format behind the pixel cache and the embedding store.

A shard is a pair of .npy files: `<name>.data.npy`, memory-mapped when read, and `<name>.index.npy`, one record a row
with the row's content key and the CRC-32 of its bytes. The data are renamed into place before the index, so a shard
exists once its index does: a killed writer leaves nothing that a reader would believe. Writers never touch a shard that
exists, so any number of them may append at the same time.
"""

import logging
import uuid
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tlk.files import replacing

KEY = np.dtype("S16")
LOG = logging.getLogger("tlk")


class Shards:
    """The shards in one folder: data of one `dtype`; `fields` are the index's columns besides `key` and `crc`."""

    def __init__(self, folder: Path, dtype: type[np.generic], fields: list[tuple[str, str]] | None = None) -> None:
        self.folder = folder
        self.dtype = np.dtype(dtype)
        self.record = np.dtype([("key", KEY), ("crc", "<u4"), *(fields or [])])
        self._indexes: dict[str, np.ndarray] = {}
        self._keys = np.empty(0, KEY)
        self._places = np.empty((0, 2), np.int64)
        self._names: list[str] = []
        self.refresh()

    def refresh(self) -> None:
        """Take in the shards that have appeared since; one that cannot be read is named and removed."""
        for path in sorted(self.folder.glob("[!.]*.index.npy")):
            name = path.name.removesuffix(".index.npy")
            if name not in self._indexes:
                self._open(name)
        self._names = list(self._indexes)
        sizes = [len(self._indexes[name]) for name in self._names]
        keys = np.concatenate([np.empty(0, KEY), *(self._indexes[name]["key"] for name in self._names)])
        order = np.argsort(keys, kind="stable")
        shards = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.concatenate([np.empty(0, np.int64), *(np.arange(size) for size in sizes)])
        self._keys, self._places = keys[order], np.column_stack([shards, rows])[order]

    def _open(self, name: str) -> None:
        try:
            index = np.load(self.folder / f"{name}.index.npy", allow_pickle=False)
            data = self._map(name)
            if index.dtype != self.record or index.ndim != 1 or data.dtype != self.dtype or data.ndim < 1:
                raise ValueError("it has another format")
        except FileNotFoundError as error:
            self._remove(name, str(error))
        except OSError as error:  # too many open files, no permission: nothing is wrong with the shard itself
            LOG.warning("cache shard %s cannot be read now (%s)", self.folder / name, error.strerror)
        except Exception as error:  # numpy's reader raises whatever a damaged header makes it trip over
            self._remove(name, str(error))
        else:
            self._indexes[name] = index

    def _map(self, name: str) -> np.ndarray:
        """Map a shard's data; not kept, because every map holds a file open and there may be thousands."""
        return np.asanyarray(np.load(self.folder / f"{name}.data.npy", mmap_mode="r", allow_pickle=False))

    def _remove(self, name: str, why: str) -> None:
        LOG.warning("cache shard %s is damaged (%s): its content is made anew", self.folder / name, why)
        self._indexes.pop(name, None)
        for kind in ("index", "data"):
            with suppress(OSError):  # read-only, or another process was faster
                (self.folder / f"{name}.{kind}.npy").unlink(missing_ok=True)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return `(n, 2)` places (shard, row) of the `(n,)` keys; (-1, -1) where there is none."""
        places = np.full((len(keys), 2), -1, np.int64)
        if len(self._keys):
            at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            found = self._keys[at] == keys
            places[found] = self._places[at[found]]
        return places

    def index(self, shard: int) -> np.ndarray:
        """Return the index of one shard, a record a row."""
        return self._indexes[self._names[shard]]

    def data(self, shard: int) -> np.ndarray:
        """Return the memory-mapped data of one shard."""
        return self._map(self._names[shard])

    def is_whole(self, shard: int, row: int, content: np.ndarray) -> bool:
        """Return whether `content` has the checksum that the index holds for `row`."""
        return bool(self.index(shard)["crc"][row] == checksum(content))

    def discard(self, shards: list[int]) -> None:
        """Name and remove shards whose content is not what was written."""
        for shard in shards:
            self._remove(self._names[shard], "a checksum does not match")
        self.refresh()

    def append(self, index: np.ndarray, data: np.ndarray) -> None:
        """Write one more shard.

        Raises:
            UserError: the folder cannot be written to.
        """
        name = uuid.uuid4().hex
        for kind, array in (("data", data), ("index", index.astype(self.record, copy=False))):
            with replacing(self.folder / f"{name}.{kind}.npy") as file:
                np.save(file, array, allow_pickle=False)
        self.refresh()

    def size(self) -> int:
        """Return the bytes that the data files take."""
        return sum((self.folder / f"{name}.data.npy").stat().st_size for name in self._names)


def checksum(content: np.ndarray) -> int:
    """Return the CRC-32 of an array's bytes."""
    contiguous: Any = np.ascontiguousarray(content)
    return zlib.crc32(contiguous.view(np.uint8).data)
