"""The embedding store: vectors under what they were made from, so that a stale one cannot come back.

A vector is found by two fingerprints: of the image file's content, and of the view (weights, architecture,
preprocessing, pooling, precision, library versions). Change either and the lookup misses.
"""

import re
from pathlib import Path

import numpy as np

from tlk.data.shards import Shards, checksum
from tlk.embeddings.views import View
from tlk.files import write_json

# Half precision holds embeddings to three digits, which no ranking here can tell from full precision.
_LARGEST = float(np.finfo(np.float16).max)


class VectorStore:
    """Vectors of many views below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._views: dict[View, Shards] = {}

    def _shards(self, view: View) -> Shards:
        if view not in self._views:
            readable = re.sub(r"[^\w.-]+", "_", view.name)[:80]
            self._views[view] = Shards(self._folder / f"{readable}-{view.fingerprint[:16]}", np.float16)
        return self._views[view]

    def missing(self, view: View, keys: np.ndarray) -> np.ndarray:
        """Return an `(n,)` mask of the content keys that have no vector in `view`."""
        return np.asarray(self._shards(view).find(keys)[:, 0] < 0)

    def append(self, view: View, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Keep `(n, d)` vectors under `(n,)` content keys, in half precision."""
        shards = self._shards(view)
        half = np.clip(vectors, -_LARGEST, _LARGEST).astype(np.float16)
        index = np.zeros(len(keys), shards.record)
        index["key"] = keys
        index["crc"] = [checksum(row) for row in half]
        shards.append(index, half)
        if not (shards.folder / "view.json").exists():
            write_json(shards.folder / "view.json", {"name": view.name, "made from": dict(view.made_from)})

    def read(self, view: View, keys: np.ndarray) -> np.ndarray | None:
        """Return the `(n, d)` float16 vectors of all `(n,)` keys, or None if one is missing or turned out damaged.

        A damaged shard is removed: what it held is then `missing`.
        """
        shards = self._shards(view)
        places = shards.find(keys)
        if not len(keys) or (places[:, 0] < 0).any():
            return None
        order = np.argsort(places[:, 0], kind="stable")
        numbers = np.unique(places[:, 0]).tolist()
        parts = [_whole_rows(shards, shard, places[places[:, 0] == shard, 1]) for shard in numbers]
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts):
            shards.discard([shard for shard, part in zip(numbers, parts, strict=True) if part is None])
            return None
        return np.concatenate(whole)[np.argsort(order)]


def _whole_rows(shards: Shards, shard: int, rows: np.ndarray) -> np.ndarray | None:
    """Return `(n, d)` rows of a shard, or None unless all are there and have the checksums of the index."""
    data = shards.data(shard)
    if len(data) <= rows.max():
        return None
    vectors = np.asarray(data[rows])
    whole = np.array_equal(shards.index(shard)["crc"][rows], [checksum(row) for row in vectors])
    return vectors if whole else None
