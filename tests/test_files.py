"""Files written whole or not at all."""

import errno
import json
import os
import stat
from pathlib import Path

import pytest

from tlk.errors import UserError, summarise
from tlk.files import in_bytes, replacing, require_folder, write_json, write_text


def write_half(path: Path, fault: BaseException) -> None:
    with replacing(path) as file:
        file.write(b"half")
        raise fault


def test_text_is_written_in_utf8_with_unix_line_ends_and_parents_are_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "table.csv"
    write_text(path, "Käthe\nnext\n")
    assert path.read_bytes() == "Käthe\nnext\n".encode()
    assert os.listdir(path.parent) == ["table.csv"]


def test_json_keeps_its_letters_and_refuses_what_is_not_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"name": "Käthe", "n": [1, 2.5, None]})
    assert json.loads(path.read_text("utf-8")) == {"name": "Käthe", "n": [1, 2.5, None]}
    assert "Käthe" in path.read_text("utf-8")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"n": float("nan")})
    assert json.loads(path.read_text("utf-8"))["n"] == [1, 2.5, None]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_file_has_the_rights_that_any_new_file_has(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_text(tmp_path / "a", "x")
    finally:
        assert os.umask(before) == mask  # asking for the mask has not changed it
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, UserError])
def test_an_interrupted_block_leaves_the_old_file_and_no_other(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    path = tmp_path / "a"
    write_text(path, "old")
    with pytest.raises(interruption):
        write_half(path, interruption())
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError("12 requested and 0 written"), "12 requested and 0 written"),  # numpy on a full disk
    ],
)
def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path: Path, fault: OSError, said: str) -> None:
    path = tmp_path / "a"
    write_text(path, "old")
    with pytest.raises(UserError) as caught:
        write_half(path, fault)
    assert str(caught.value) == f"cannot write {path}: {said}\nfree some space, or choose another place"
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_place_that_cannot_hold_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"cannot write .*file/below"):
        write_text(tmp_path / "file" / "below", "x")


def test_a_folder_in_the_way_is_named_and_stays(tmp_path: Path) -> None:
    (tmp_path / "folder" / "kept").mkdir(parents=True)
    with pytest.raises(UserError, match=r"cannot write .*folder"):
        write_text(tmp_path / "folder", "x")
    assert os.listdir(tmp_path) == ["folder"]


def test_summarise_counts_what_it_does_not_name() -> None:
    assert summarise(["a", "b"]) == "a; b"
    assert summarise(["a", "b", "c"]) == "a; b; c"
    assert summarise(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more"
    assert summarise(["a", "b"], shown=1) == "a; and 1 more"


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a file"):
        write_text(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (3_400_000, "3.2 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (1.5 * 1024**4, "1.5 TiB"),
        (2048 * 1024**4, "2048.0 TiB"),
    ],
)
def test_sizes_are_said_in_the_largest_unit_that_fits(size: float, text: str) -> None:
    assert in_bytes(size) == text


def test_a_folder_that_cannot_be_written_to_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    require_folder(tmp_path / "new" / "deep", "remedy")
    require_folder(tmp_path, "remedy")
    assert os.listdir(tmp_path) == ["file"]  # nothing was made
    for below in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(UserError, match=r"file is not a folder\nremedy"):
            require_folder(below, "remedy")
    asked = []
    monkeypatch.setattr(os, "access", lambda place, mode: asked.append(place))  # for root all can be written to
    said = rf"cannot write into {tmp_path}/new/deep: {tmp_path} cannot be written to, permission denied\nrem"
    with pytest.raises(UserError, match=said):
        require_folder(tmp_path / "new" / "deep", "remedy")
    assert asked == [tmp_path]
