"""Small shards: rows of four equal numbers, by the number that their keys are made of."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tlk.data.shards import KEY, Shards, checksum


def keys(*numbers: int) -> np.ndarray:
    return np.array([bytes([number]) * 16 for number in numbers], KEY)


def append(shards: Shards, *numbers: int) -> None:
    data = np.stack([np.full(4, number, np.uint8) for number in numbers])
    index = np.zeros(len(numbers), shards.record)
    index["key"], index["crc"] = keys(*numbers), [checksum(row) for row in data]
    shards.append(index, data)


def content(shards: Shards, number: int) -> list[int] | None:
    shard, row = shards.find(keys(number))[0]
    if shard < 0:
        return None
    data = shards.data(shard)
    assert data is not None
    return data[row].tolist()


def rewrite(shards: Shards) -> Callable[[int, np.ndarray], None]:
    """What prune asks for, without checks."""

    def append_rows(shard: int, rows: np.ndarray) -> None:
        data = shards.data(shard)
        assert data is not None
        shards.append(shards.index(shard)[rows], np.array(data[rows]))

    return append_rows


def only(folder: Path, kind: str) -> Path:
    (path,) = folder.glob(f"*.{kind}.npy")
    return path
