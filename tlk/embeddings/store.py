"""The embedding store: vectors under what they were made from, so that a stale one cannot come back.

A vector is found by two fingerprints: of the image file's content, and of the view (weights, architecture,
preprocessing, pooling, precision, library versions). Change either and the lookup misses.
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tlk.data.shards import Shards, row_checksums
from tlk.embeddings.views import View
from tlk.errors import UserError
from tlk.files import in_bytes, read_json, write_json

# Half precision holds embeddings to three digits, which no ranking here can tell from full precision.
_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Stored:
    """What the store has of one view: how many vectors, in how many bytes, in which shards."""

    view: str
    vectors: int
    size: int
    shards: Shards


class VectorStore:
    """Vectors of many views below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._views: dict[View, Shards] = {}

    def _shards(self, view: View) -> Shards:
        if view not in self._views:
            self._views[view] = Shards(self.folder_of(view), np.float16)
        return self._views[view]

    def folder_of(self, view: View) -> Path:
        """Return where the vectors of a view lie."""
        readable = re.sub(r"[^\w.-]+", "_", view.name)[:80]
        return self.folder / f"{readable}-{view.fingerprint[:16]}"

    def free(self) -> int:
        """Return the bytes that the store's disk has room for."""
        place = self.folder.absolute()
        return shutil.disk_usage(next(there for there in (place, *place.parents) if there.exists())).free

    def require_room(self, size: int) -> None:
        """Raise a UserError unless the disk has room for `size` bytes more."""
        free = self.free()
        if size > free:
            raise UserError(
                f"{in_bytes(size)} of vectors do not fit into {self.folder}: {in_bytes(free)} are free\n"
                "free some space, or put the cache elsewhere: TLK_CACHE=DIR"
            )

    def contents(self) -> list[Stored]:
        """Return what there is of each view, by name."""
        found = []
        for folder in self.folder.glob("*"):
            shards = Shards(folder, np.float16)
            vectors = shards.count()
            if vectors:
                found.append(Stored(_view_name(folder), vectors, shards.size(), shards))
        return sorted(found, key=lambda stored: (stored.view, stored.shards.folder))

    def prune(self, contents: Sequence[Stored], keep: np.ndarray) -> int:
        """Forget of former `contents` what lies under none of the `(n,)` keys, and return how many vectors that was.

        What was stored after `contents` was called stays.

        Raises:
            UserError: the store cannot be written to.
        """
        removed = sum(stored.shards.prune(keep, partial(_rewrite, stored.shards)) for stored in contents)
        self._views = {}
        return removed

    def missing(self, view: View, keys: np.ndarray) -> np.ndarray:
        """Return an `(n,)` mask of the content keys that have no vector in `view`."""
        return np.asarray(self._shards(view).find(keys)[:, 0] < 0)

    def lacking(self, views: Sequence[View], keys: np.ndarray) -> np.ndarray:
        """Return the `(m,)` positions of the content keys that lack a vector in any of the views, each content once."""
        missing = np.zeros(len(keys), bool)
        for view in views:
            missing |= self.missing(view, keys)
        _, first = np.unique(keys, return_index=True)
        return np.sort(first[missing[first]])

    def append(self, view: View, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Keep `(n, d)` vectors under `(n,)` content keys, in half precision."""
        shards = self._shards(view)
        half = np.clip(vectors, -_LARGEST, _LARGEST).astype(np.float16)
        index = np.zeros(len(keys), shards.record)
        index["key"] = keys
        index["crc"] = row_checksums(half)
        if not (shards.folder / "view.json").exists():  # first: a killed writer leaves no shard without it
            write_json(shards.folder / "view.json", {"name": view.name, "made from": dict(view.made_from)})
        shards.append(index, half)

    def read(self, view: View, keys: np.ndarray) -> np.ndarray | None:
        """Return the `(n, d)` float16 vectors of all `(n,)` keys, or None if one is missing or turned out damaged.

        A damaged shard is removed: what it held is then `missing`.
        """
        shards = self._shards(view)
        places = shards.find(keys)
        if not len(keys) or (places[:, 0] < 0).any():
            return None
        order = np.argsort(places[:, 0], kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(places[order, 0])) + 1)  # those of one shard
        found = [_whole_rows(shards, int(places[part[0], 0]), places[part, 1]) for part in parts]
        whole = [rows for rows in found if rows is not None]
        if len(whole) < len(parts):
            shards.discard([int(places[part[0], 0]) for part, rows in zip(parts, found, strict=True) if rows is None])
            return self.read(view, keys)  # another process that prunes has written elsewhere what is to stay
        return np.concatenate(whole)[np.argsort(order)]


def _view_name(folder: Path) -> str:
    try:
        return str(read_json(folder / "view.json")["name"])
    except (OSError, ValueError, KeyError, TypeError):  # its writer was killed, or is not ready yet
        return folder.name


def _rewrite(shards: Shards, shard: int, rows: np.ndarray) -> None:
    vectors = _whole_rows(shards, shard, rows)
    if vectors is not None:
        shards.append(shards.index(shard)[rows], vectors)


def _whole_rows(shards: Shards, shard: int, rows: np.ndarray) -> np.ndarray | None:
    """Return `(n, d)` rows of a shard, or None unless all are there and have the checksums of the index."""
    data = shards.data(shard)
    if data is None or len(data) <= rows.max():
        return None
    vectors = np.asarray(data[rows])
    whole = np.array_equal(shards.index(shard)["crc"][rows], row_checksums(vectors))
    return vectors if whole else None
