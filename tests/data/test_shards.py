"""Shards: appended by anyone, found by all."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.data.small_shards import append, content, keys, only
from tlk.data.shards import KEY, Shards, checksum, row_checksums
from tlk.errors import UserError


def test_what_is_appended_is_found_here_and_by_the_next_reader(tmp_path: Path) -> None:
    shards = Shards(tmp_path / "new", np.uint8)
    assert shards.find(keys(1)).tolist() == [[-1, -1]]
    append(shards, 3, 1)
    append(shards, 2)
    for reader in (shards, Shards(tmp_path / "new", np.uint8)):
        assert [content(reader, number) for number in (1, 2, 3, 4)] == [[1] * 4, [2] * 4, [3] * 4, None]
        assert reader.find(keys(4, 1)).tolist()[0] == [-1, -1]
        assert reader.count() == 3
        assert reader.size() == sum(path.stat().st_size for path in reader.folder.iterdir()) > 12 + 3 * 20
        shard, row = reader.find(keys(3))[0]
        assert reader.is_whole(shard, row, np.full(4, 3, np.uint8))
        assert not reader.is_whole(shard, row, np.full(4, 7, np.uint8))


def test_nothing_is_looked_at_before_something_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(Shards(tmp_path, np.uint8), 1)
    looked: list[str] = []
    glob, load = Path.glob, np.load
    monkeypatch.setattr(Path, "glob", lambda self, pattern: looked.append(pattern) or glob(self, pattern))
    monkeypatch.setattr(np, "load", lambda *given, **named: looked.append("file") or load(*given, **named))
    shards, nowhere = Shards(tmp_path, np.uint8), Shards(tmp_path / "nowhere", np.uint8)
    assert not looked
    assert content(shards, 1) == [1] * 4
    assert "file" in looked
    before = len(looked)
    assert content(shards, 2) is None
    assert len(looked) == before  # known by now
    assert content(nowhere, 1) is None
    assert not nowhere.folder.exists()


def test_each_row_of_a_thousand_shards_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda file: None)  # no disk is tested here
    writer, chosen = Shards(tmp_path, np.uint16), np.random.default_rng(0)
    numbers = np.arange(3000).reshape(1000, 3)
    made = np.frombuffer(chosen.bytes(16 * 3000), KEY)
    for row in numbers:
        index = np.zeros(3, writer.record)
        index["key"] = made[row]
        writer.append(index, row.astype(np.uint16))
    shards, order = Shards(tmp_path, np.uint16), chosen.permutation(3000)
    places = shards.find(made[order])
    assert len(np.unique(places, axis=0)) == 3000
    assert places[:, 0].max() == 999
    contents = {shard: shards.data(shard) for shard in range(0, 1000, 37)}
    for number, (shard, row) in zip(order, places, strict=True):
        if shard in contents:
            assert contents[shard][row] == number  # type: ignore[index]
    assert (shards.find(np.frombuffer(chosen.bytes(1600), KEY)) == -1).all()


def test_each_of_a_million_rows_is_found(tmp_path: Path) -> None:
    shards, chosen = Shards(tmp_path, np.uint8), np.random.default_rng(0)
    made = np.frombuffer(chosen.bytes(16 * 1_000_000), KEY)
    index = np.zeros(len(made), shards.record)
    index["key"] = made
    shards.append(index, np.zeros(len(made), np.uint8))
    order = chosen.permutation(len(made))
    assert np.array_equal(shards.find(made[order])[:, 1], order)
    assert (shards.find(np.frombuffer(chosen.bytes(16_000), KEY)) == -1).all()


def test_keys_that_share_their_first_half_are_told_apart(tmp_path: Path) -> None:
    halves = [b"\0" * 8, b"a" * 8, b"\xff" * 8]
    made = np.array([first + second for first in halves for second in (b"12345678", *halves)], KEY)
    shards = Shards(tmp_path, np.uint8)
    for part in (np.arange(0, 12, 2), np.arange(1, 12, 2)):
        index = np.zeros(6, shards.record)
        index["key"] = made[part]
        shards.append(index, part.astype(np.uint8))
    asked = np.append(made[::-1], [b"a" * 8 + b"b" * 8, b"\xff" * 8 + b"b" * 8, made[3]])
    found = []
    for shard, row in shards.find(asked):
        data = shards.data(shard)
        assert data is not None
        found.append(int(data[row]) if shard >= 0 else None)
    assert found == [*range(11, -1, -1), None, None, 3]


def test_keys_that_end_in_zero_bytes_are_told_apart(tmp_path: Path) -> None:
    shards = Shards(tmp_path, np.uint8)
    index = np.zeros(2, shards.record)
    index["key"] = [b"a" * 15 + b"\0", b"a" * 16]
    shards.append(index, np.array([[1], [2]], np.uint8))
    assert shards.find(index["key"])[:, 1].tolist() == [0, 1]


def test_data_are_mapped_not_loaded(tmp_path: Path) -> None:
    shards = Shards(tmp_path, np.uint8)
    append(shards, 1)
    assert isinstance(shards.data(int(shards.find(keys(1))[0, 0])), np.memmap)


def test_a_reader_sees_what_others_appended_after_a_refresh(tmp_path: Path) -> None:
    early, late = Shards(tmp_path, np.uint8), Shards(tmp_path, np.uint8)
    assert content(early, 5) is None
    append(late, 5)
    assert content(early, 5) is None
    early.refresh()
    assert content(early, 5) == [5] * 4


def test_many_writers_append_at_once(tmp_path: Path) -> None:
    def write(start: int) -> None:
        shards = Shards(tmp_path, np.uint8)
        for number in range(start, start + 10):
            append(shards, number)

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 10, 20, 5)]  # 5…14 are written twice
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shards = Shards(tmp_path, np.uint8)
    assert all(content(shards, number) == [number] * 4 for number in range(30))


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shards = Shards(tmp_path / "file" / "cache", np.uint8)
    with pytest.raises(UserError, match="cannot write"):
        append(shards, 1)


def test_the_checksum_is_that_of_the_bytes_whatever_the_layout() -> None:
    array = np.arange(12, dtype=np.uint16).reshape(3, 4)
    assert checksum(array) == checksum(np.frombuffer(array.tobytes(), np.uint8))
    assert checksum(array.T) == checksum(np.ascontiguousarray(array.T)) != checksum(array)


@pytest.mark.parametrize("shape", [(3, 4), (5,), (2, 3, 2), (0, 4), (3, 0)])
def test_the_checksums_of_rows_are_those_of_each(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float16)
    assert row_checksums(array) == [checksum(row.reshape(-1)) for row in array]
    assert row_checksums(array[::-1]) == row_checksums(array)[::-1]


def test_a_shard_of_former_times_has_no_checksum_of_its_index(tmp_path: Path) -> None:
    append(Shards(tmp_path, np.uint8), 1)
    for kind in ("data", "index"):
        only(tmp_path, kind).rename(tmp_path / f"{'0' * 32}.{kind}.npy")
    assert content(Shards(tmp_path, np.uint8), 1) == [1] * 4
