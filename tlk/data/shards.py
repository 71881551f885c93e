"""Append-only, content-addressed shards: the file format behind the pixel cache and the embedding store.

A shard is a pair of .npy files: `<name>.data.npy`, memory-mapped when read, and `<name>.index.npy`, one record a row
with the row's content key and the CRC-32 of its bytes. The data are renamed into place before the index, so a shard
exists once its index does: a killed writer leaves nothing that a reader would believe. Writers never touch a shard that
exists, so any number of them may append at the same time. A shard's name ends in the CRC-32 of its index.
"""

import logging
import uuid
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tlk.errors import UserError
from tlk.files import replacing
from tlk.temporary import sweep, temporaries

KEY = np.dtype("S16")
LOG = logging.getLogger("tlk")


class Shards:
    """The shards in one folder: data of one `dtype`; `fields` are the index's columns besides `key` and `crc`."""

    def __init__(self, folder: Path, dtype: type[np.generic], fields: list[tuple[str, str]] | None = None) -> None:
        self.folder = folder
        self.dtype = np.dtype(dtype)
        self.record = np.dtype([("key", KEY), ("crc", "<u4"), *(fields or [])])
        self._indexes: dict[str, np.ndarray] = {}
        self._broken: set[str] = set()  # damaged ones, which cannot always be removed
        self._names: list[str] = []
        self._swept = False
        self._stale = True  # nothing is looked at until something is looked for
        self._lookup: _Lookup | None = None

    def refresh(self) -> None:
        """Take in the shards that have appeared, let go of those that are gone; a damaged one is named and removed."""
        there = [name for name in self.names() if name not in self._broken]
        known, self._indexes = self._indexes, {}
        for name in there:
            if name in known:
                self._indexes[name] = known[name]
            else:
                self._open(name)
        self._names = list(self._indexes)
        self._stale, self._lookup = False, None

    def names(self) -> list[str]:
        """Return the names of the shards that are there now."""
        return sorted(path.name.removesuffix(".index.npy") for path in self.folder.glob("[!.]*.index.npy"))

    def _open(self, name: str) -> None:
        try:
            index = np.load(self.folder / f"{name}.index.npy", allow_pickle=False)
            data = self._map(name)
            if index.dtype != self.record or index.ndim != 1 or data.dtype != self.dtype or data.ndim < 1:
                raise ValueError("it has another format")
            if "-" in name and name.rpartition("-")[2] != _crc_of(index):
                raise ValueError("a checksum does not match")
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
        if (self.folder / f"{name}.index.npy").exists():  # else another process has pruned it: no damage
            LOG.warning("cache shard %s is damaged (%s): its content is made anew", self.folder / name, why)
        self._broken.add(name)
        with suppress(OSError):  # a folder that is only to be read
            self._unlink(name)

    def _unlink(self, name: str) -> None:
        for kind in ("index", "data"):  # the index first: without it nobody believes the data
            (self.folder / f"{name}.{kind}.npy").unlink(missing_ok=True)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return `(n, 2)` places (shard, row) of the `(n,)` keys; (-1, -1) where there is none."""
        if self._stale:
            self.refresh()
        if self._lookup is None:
            self._lookup = _Lookup([self._indexes[name]["key"] for name in self._names])
        return self._lookup.find(keys)

    def index(self, shard: int) -> np.ndarray:
        """Return the index of one shard, a record a row."""
        return self._indexes[self._names[shard]]

    def data(self, shard: int) -> np.ndarray | None:
        """Return the memory-mapped data of one shard; None where they have gone, or broken, since it was found."""
        try:
            return self._map(self._names[shard])
        except FileNotFoundError:  # another process has pruned it
            return None
        except OSError:
            raise
        except Exception:  # as in `_open`
            return None

    def is_whole(self, shard: int, row: int, content: np.ndarray) -> bool:
        """Return whether `content` has the checksum that the index holds for `row`."""
        return bool(self.index(shard)["crc"][row] == checksum(content))

    def discard(self, shards: list[int]) -> None:
        """Let go of shards whose data are gone, or are not what was written: these are named and removed."""
        for shard in shards:
            self._remove(self._names[shard], "a checksum does not match")
        self.refresh()

    def append(self, index: np.ndarray, data: np.ndarray) -> None:
        """Write one more shard.

        Raises:
            UserError: the folder cannot be written to.
        """
        self._sweep()
        index = np.ascontiguousarray(index.astype(self.record, copy=False))
        name = self.folder / f"{uuid.uuid4().hex}-{_crc_of(index)}"
        # The inner one gets its name first; the outer one is there by then, so that data with neither are orphans.
        with replacing(Path(f"{name}.index.npy")) as for_index, replacing(Path(f"{name}.data.npy")) as for_data:
            np.save(for_index, index, allow_pickle=False)
            np.save(for_data, data, allow_pickle=False)
        self._stale = True

    def _sweep(self) -> None:
        """Remove, once, the data that killed writers have left without an index."""
        if self._swept:
            return
        self._swept = True
        sweep(self.folder)
        data = list(self.folder.glob("[!.]*.data.npy"))
        written = {path.name[1:].partition(".")[0] for path in temporaries(self.folder)}
        for path in data:  # an index that is being written then has its name by now
            name = path.name.removesuffix(".data.npy")
            if name not in written and not (self.folder / f"{name}.index.npy").exists():
                with suppress(OSError):
                    path.unlink()

    def count(self) -> int:
        """Return how many rows there are."""
        self.refresh()
        return sum(len(index) for index in self._indexes.values())

    def size(self) -> int:
        """Return the bytes that the shards take on disk."""
        total = 0
        for name in self.names():
            for kind in ("index", "data"):
                with suppress(FileNotFoundError):  # another process was faster
                    total += (self.folder / f"{name}.{kind}.npy").stat().st_size
        return total

    def prune(self, keep: np.ndarray, rewrite: Callable[[int, np.ndarray], None]) -> int:
        """Remove what lies under none of the keys `keep` and return how many rows that was.

        Only the shards of the last `refresh` are looked at: what others have appended since then stays.

        Args:
            keep: `(n,)` content keys.
            rewrite: called with a shard and the `(m,)` rows of it that stay, where some go: appends them anew.

        Raises:
            UserError: the folder cannot be written to.
        """
        kept, removed = _Lookup([keep]), 0
        for shard, name in enumerate(self._names):
            stays = kept.find(self.index(shard)["key"])[:, 0] >= 0
            if stays.all():
                continue
            if stays.any():
                rewrite(shard, np.flatnonzero(stays))
            try:
                self._unlink(name)
            except OSError as error:
                raise UserError(f"cannot remove {self.folder / name}: {error.strerror}\ncheck its rights") from error
            removed += int((~stays).sum())
        self.refresh()
        return removed


class _Lookup:
    """Where each key lies, found by the first eight of its bytes: numbers are sorted ten times as fast as strings."""

    def __init__(self, keys: Sequence[np.ndarray]) -> None:
        sizes = [len(part) for part in keys]
        joined = np.concatenate([np.empty(0, KEY), *keys])
        numbers = _numbers(joined)
        order = np.argsort(numbers)
        shards = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.arange(len(joined)) - np.repeat(np.cumsum([0, *sizes])[:-1], sizes)
        self._numbers, self._keys = numbers[order], joined[order]
        self._places = np.column_stack([shards, rows])[order]

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return `(n, 2)` places (shard, row) of the `(n,)` keys; (-1, -1) where there is none."""
        places = np.full((len(keys), 2), -1, np.int64)
        wanted = _numbers(keys)
        at, open_ = np.searchsorted(self._numbers, wanted), np.arange(len(keys))
        while len(open_):  # once, unless keys share their first half
            open_ = open_[at[open_] < len(self._numbers)]
            open_ = open_[self._numbers[at[open_]] == wanted[open_]]
            found = open_[self._keys[at[open_]] == keys[open_]]
            places[found] = self._places[at[found]]
            open_ = np.setdiff1d(open_, found, assume_unique=True)
            at[open_] += 1
        return places


def _numbers(keys: np.ndarray) -> np.ndarray:
    """Return the first half of each of `(n,)` keys as a number."""
    return np.ascontiguousarray(keys, KEY).view(np.uint64)[::2]


def _crc_of(index: np.ndarray) -> str:
    """Return the CRC-32 of a shard's index, as the shard's name has it."""
    return f"{zlib.crc32(index.tobytes()):08x}"


def checksum(content: np.ndarray) -> int:
    """Return the CRC-32 of an array's bytes."""
    contiguous: Any = np.ascontiguousarray(content)
    return zlib.crc32(contiguous.view(np.uint8).data)


def row_checksums(rows: np.ndarray) -> list[int]:
    """Return the CRC-32 of the bytes of each of `(n, …)` rows."""
    content = memoryview(np.ascontiguousarray(rows).ravel().view(np.uint8))
    width = rows.nbytes // max(1, len(rows))
    return [zlib.crc32(content[row * width : (row + 1) * width]) for row in range(len(rows))]
