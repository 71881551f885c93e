"""Shards are believed only when whole: what is damaged, half written or on its way out."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.data.small_shards import append, content, keys, only
from tlk.data.shards import Shards
from tlk.files import replacing


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
