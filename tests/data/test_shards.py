"""Shards: appended by anyone, believed only when whole."""

import logging
import threading
from pathlib import Path

import numpy as np
import pytest

from tlk.data.shards import KEY, Shards, checksum
from tlk.errors import UserError


def keys(*numbers: int) -> np.ndarray:
    return np.array([bytes([number]) * 16 for number in numbers], KEY)


def append(shards: Shards, *numbers: int) -> None:
    data = np.stack([np.full(4, number, np.uint8) for number in numbers])
    index = np.zeros(len(numbers), shards.record)
    index["key"], index["crc"] = keys(*numbers), [checksum(row) for row in data]
    shards.append(index, data)


def content(shards: Shards, number: int) -> list[int] | None:
    shard, row = shards.find(keys(number))[0]
    return None if shard < 0 else shards.data(shard)[row].tolist()


def only(folder: Path, kind: str) -> Path:
    (path,) = folder.glob(f"*.{kind}.npy")
    return path


def test_what_is_appended_is_found_here_and_by_the_next_reader(tmp_path: Path) -> None:
    shards = Shards(tmp_path / "new", np.uint8)
    assert shards.find(keys(1)).tolist() == [[-1, -1]]
    append(shards, 3, 1)
    append(shards, 2)
    for reader in (shards, Shards(tmp_path / "new", np.uint8)):
        assert [content(reader, number) for number in (1, 2, 3, 4)] == [[1] * 4, [2] * 4, [3] * 4, None]
        assert reader.find(keys(4, 1)).tolist()[0] == [-1, -1]
        assert reader.size() == 12 + 2 * 128  # two files, each with the header of an .npy
        shard, row = reader.find(keys(3))[0]
        assert reader.is_whole(shard, row, np.full(4, 3, np.uint8))
        assert not reader.is_whole(shard, row, np.full(4, 7, np.uint8))


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


def test_leftovers_of_killed_writers_are_ignored_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shards = Shards(tmp_path, np.uint8)
    append(shards, 1)
    only(tmp_path, "data").with_name("f00d.data.npy").write_bytes(b"data whose index was never written")
    (tmp_path / ".f00d.index.npy.abc.tmp").write_bytes(b"half")
    (tmp_path / ".f00d.index.npy").write_bytes(b"hidden")
    before = sorted(path.name for path in tmp_path.iterdir())
    assert content(Shards(tmp_path, np.uint8), 1) == [1] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert not caplog.records


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def spoil_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"}", b"{"))


def spoil_type(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"|u1", b"|i1").replace(b"<u4", b"<i4"))


def remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        ("data", tear), ("data", empty), ("data", spoil_header), ("data", spoil_type), ("data", remove),
        ("index", tear), ("index", empty), ("index", spoil_header), ("index", spoil_type),
    ],
)  # fmt: skip
def test_a_damaged_shard_is_named_and_removed_and_the_others_serve(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, damage: object
) -> None:
    append(Shards(tmp_path, np.uint8), 1)
    path = only(tmp_path, kind)
    append(Shards(tmp_path, np.uint8), 2)
    damage(path)  # type: ignore[operator]
    with caplog.at_level(logging.WARNING, "tlk"):
        shards = Shards(tmp_path, np.uint8)
    assert [content(shards, number) for number in (1, 2)] == [None, [2] * 4]
    assert len(list(tmp_path.iterdir())) == 2
    (record,) = caplog.records
    assert path.name.removesuffix(f".{kind}.npy") in record.getMessage()
    assert "is damaged" in record.getMessage()


@pytest.mark.parametrize("shape", [(), (1, 1)])
def test_an_index_of_another_shape_is_damage(tmp_path: Path, shape: tuple[int, ...]) -> None:
    shards = Shards(tmp_path, np.uint8)
    append(shards, 1)
    np.save(only(tmp_path, "index"), np.zeros(shape, shards.record))
    assert content(Shards(tmp_path, np.uint8), 1) is None


def test_a_discarded_shard_is_gone_for_everyone_after(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shards = Shards(tmp_path, np.uint8)
    append(shards, 1)
    append(shards, 2)
    shards.discard([int(shards.find(keys(1))[0, 0])])
    assert "a checksum does not match" in caplog.text
    for reader in (shards, Shards(tmp_path, np.uint8)):
        assert [content(reader, number) for number in (1, 2)] == [None, [2] * 4]


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shards = Shards(tmp_path / "file" / "cache", np.uint8)
    with pytest.raises(UserError, match="cannot write"):
        append(shards, 1)


def test_a_damaged_shard_that_cannot_be_removed_is_not_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    append(Shards(tmp_path, np.uint8), 1)
    empty(only(tmp_path, "data"))

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    assert content(Shards(tmp_path, np.uint8), 1) is None
    assert "is damaged" in caplog.text


def test_the_checksum_is_that_of_the_bytes_whatever_the_layout() -> None:
    array = np.arange(12, dtype=np.uint16).reshape(3, 4)
    assert checksum(array) == checksum(np.frombuffer(array.tobytes(), np.uint8))
    assert checksum(array.T) == checksum(np.ascontiguousarray(array.T)) != checksum(array)
