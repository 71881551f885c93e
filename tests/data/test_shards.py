"""Shards: appended by anyone, believed only when whole."""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tlk.data.shards import KEY, Shards, checksum, row_checksums
from tlk.errors import UserError
from tlk.files import replacing


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


def test_pruning_keeps_what_is_asked_for_and_rewrites_shards_in_part(tmp_path: Path) -> None:
    shards = Shards(tmp_path, np.uint8)
    for numbers in ((1, 2), (3, 4, 5), (6,)):
        append(shards, *numbers)
    shards.refresh()
    untouched = {path for path in tmp_path.iterdir() if path.name.startswith(shards.names()[0])}
    whole = [int(number) for number in range(1, 7) if shards.find(keys(number))[0, 0] == 0]
    keep = [*whole, *(number for number in (1, 4, 6) if number not in whole)]
    size = shards.size()
    assert shards.prune(keys(9, *keep), rewrite(shards)) == 6 - len(keep)
    for reader in (shards, Shards(tmp_path, np.uint8)):
        assert [content(reader, number) for number in keep] == [[number] * 4 for number in keep]
        assert reader.count() == len(keep)
        assert reader.size() < size
    assert untouched <= set(tmp_path.iterdir())  # nothing of it went
    assert shards.prune(keys(), rewrite(shards)) == len(keep)
    assert not list(tmp_path.iterdir())
    assert shards.prune(keys(), rewrite(shards)) == 0


def test_pruning_leaves_alone_what_others_append_meanwhile(tmp_path: Path) -> None:
    shards, other = Shards(tmp_path, np.uint8), Shards(tmp_path, np.uint8)
    append(shards, 1)
    shards.refresh()
    append(other, 2)
    assert shards.prune(keys(), rewrite(shards)) == 1
    assert [content(shards, number) for number in (1, 2)] == [None, [2] * 4]


def test_an_interrupted_pruning_has_lost_nothing(tmp_path: Path) -> None:
    shards = Shards(tmp_path, np.uint8)
    append(shards, 1, 2)
    shards.refresh()

    def interrupt(shard: int, rows: np.ndarray) -> None:
        rewrite(shards)(shard, rows)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shards.prune(keys(1), interrupt)
    assert content(Shards(tmp_path, np.uint8), 1) == [1] * 4
    shards.refresh()
    shards.prune(keys(1), rewrite(shards))
    assert [content(shards, number) for number in (1, 2)] == [[1] * 4, None]


def test_what_cannot_be_removed_is_said_and_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = Shards(tmp_path, np.uint8)
    append(shards, 1)
    shards.refresh()

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(UserError, match=r"cannot remove .*: Permission denied"):
        shards.prune(keys(), rewrite(shards))


def test_a_shard_that_another_process_has_pruned_is_no_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shards, other = Shards(tmp_path, np.uint8), Shards(tmp_path, np.uint8)
    append(shards, 1, 2)
    place = int(shards.find(keys(2))[0, 0])
    other.refresh()
    other.prune(keys(1), rewrite(other))
    assert shards.data(place) is None
    shards.discard([place])
    assert [content(shards, number) for number in (1, 2)] == [[1] * 4, None]
    assert not caplog.records


@pytest.mark.parametrize("kind", ["index", "data"])
def test_a_shard_that_goes_while_it_is_opened_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    append(Shards(tmp_path, np.uint8), 1)
    load = np.load

    def slow_load(path: Path, *given: object, **named: object) -> object:
        if path.name.endswith(f"{kind}.npy"):
            remove(only(tmp_path, "index"))
            remove(only(tmp_path, "data"))
        return load(path, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(np, "load", slow_load)
    shards = Shards(tmp_path, np.uint8)
    assert content(shards, 1) is None
    assert shards.count() == shards.size() == 0
    assert not caplog.records


@pytest.mark.parametrize("damage", [tear, empty, spoil_header])
def test_data_that_break_after_they_were_found_are_not_there(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    shards = Shards(tmp_path, np.uint8)
    append(shards, 1)
    place = int(shards.find(keys(1))[0, 0])
    damage(only(tmp_path, "data"))
    assert shards.data(place) is None


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


@pytest.mark.parametrize("shape", [(3, 4), (5,), (2, 3, 2), (0, 4), (3, 0)])
def test_the_checksums_of_rows_are_those_of_each(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float16)
    assert row_checksums(array) == [checksum(row.reshape(-1)) for row in array]
    assert row_checksums(array[::-1]) == row_checksums(array)[::-1]


def test_a_key_that_has_changed_in_an_index_is_damage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its rows would only be made anew, and nobody would hear of a disk that loses bits."""
    append(Shards(tmp_path, np.uint8), 1, 2)
    path = only(tmp_path, "index")
    changed = bytearray(path.read_bytes())
    changed[-30] ^= 1  # in a record
    path.write_bytes(changed)
    assert Shards(tmp_path, np.uint8).find(keys(1, 2)).tolist() == [[-1, -1]] * 2
    assert "is damaged (a checksum does not match)" in caplog.text
    assert not list(tmp_path.iterdir())


def test_a_shard_of_former_times_has_no_checksum_of_its_index(tmp_path: Path) -> None:
    append(Shards(tmp_path, np.uint8), 1)
    for kind in ("data", "index"):
        only(tmp_path, kind).rename(tmp_path / f"{'0' * 32}.{kind}.npy")
    assert content(Shards(tmp_path, np.uint8), 1) == [1] * 4


def test_data_without_an_index_go_with_the_next_shard_unless_it_is_being_written(tmp_path: Path) -> None:
    append(Shards(tmp_path, np.uint8), 1)
    only(tmp_path, "index").unlink()
    orphan = only(tmp_path, "data")
    name = f"{'0' * 32}-01234567"
    with replacing(tmp_path / f"{name}.index.npy"):
        (tmp_path / f"{name}.data.npy").write_bytes(b"")
        append(Shards(tmp_path, np.uint8), 2)
        assert not orphan.exists()
        assert (tmp_path / f"{name}.data.npy").exists()
    assert content(Shards(tmp_path, np.uint8), 2) == [2] * 4
