"""Zips made by strangers: nothing lands anywhere, nothing unpacks past its limit, whatever the headers say."""

import io
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tlk.data import columns, painters, source
from tlk.data.archives import Archives
from tlk.data.competition import Competition
from tlk.data.source import ZipSource
from tlk.errors import UserError
from tlk.tables import LONGEST_ROW

MIB = 1024 * 1024
BOMB = 300 * MIB  # unpacked; packed some 300 KB


def entry(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return file.getvalue()


def claiming(data: bytes, size: int) -> bytes:
    """The zip of one entry with another size unpacked, in both headers."""
    local, central = data.index(b"PK\3\4"), data.index(b"PK\1\2")
    changed = bytearray(data)
    struct.pack_into("<I", changed, local + 22, size)
    struct.pack_into("<I", changed, central + 24, size)
    return bytes(changed)


READ = """
import resource, sys
from pathlib import Path
from tlk.data.source import ZipSource
from tlk.errors import UserError
source = ZipSource(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    source.read("train.csv")
except UserError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, error)
"""


def grown(place: Path) -> tuple[int, str]:
    """Read `train.csv` in a process of its own; return by how many MiB its memory grew, and what was said."""
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", READ, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    size, _, message = done.stdout.partition(" ")
    return int(size), message


def test_a_bomb_is_refused_unopened(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(entry("train.csv", bytes(BOMB)))
    size, message = grown(tmp_path / "a.zip")
    assert f"it would unpack to {BOMB:,} bytes, the limit is {source.MAX_FILE_BYTES:,}" in message
    assert size < 16


def test_a_bomb_that_claims_to_be_small_is_cut_where_it_claims_to_end(tmp_path: Path) -> None:
    """zipfile by itself unpacks all of it before it cuts."""
    (tmp_path / "a.zip").write_bytes(claiming(entry("train.csv", bytes(BOMB)), 100))
    size, message = grown(tmp_path / "a.zip")
    assert "Bad CRC-32" in message
    assert size < 16


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_cannot_be_bounded_are_refused(method: int, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(claiming(entry("train.csv", bytes(BOMB), method), 100))
    size, message = grown(tmp_path / "a.zip")
    assert "it is packed by another method than deflate: unpack it, or pack it anew" in message
    assert size < 16


def test_entries_that_overlap_are_each_within_the_limit(tmp_path: Path) -> None:
    """A thousand names for the same bytes: each is read by itself, and none is unpacked that nobody asks for."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(bytes(MIB)) + packed.flush()
    crc = zlib.crc32(bytes(MIB))
    head = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 33, crc, len(body), MIB, 5, 0) + b"a.csv"
    names = [f"{number:05}" for number in range(1000)]
    directory = b"".join(
        struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 33, crc, len(body), MIB, 5, 0, 0, 0, 0, 0, 0)
        + (b"a.csv" if name == "00000" else name.encode())
        for name in names
    )
    size = len(head) + len(body)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1000, 1000, len(directory), size, 0)
    (tmp_path / "a.zip").write_bytes(head + body + directory + end)
    found = ZipSource(tmp_path / "a.zip")
    assert len(found.read("a.csv")) == MIB
    with pytest.raises(UserError, match=r"cannot read .*00001"):  # its own name is not the one at its place
        found.read("00001")


ROW = b"id,title,artist,new_filename\n1,a,b," + b"x" * 2 * LONGEST_ROW


@pytest.mark.parametrize("name", ["objects.csv", "objects.zip", "all_data_info.csv.zip", "submission_info.csv.zip"])
def test_a_row_that_never_ends_is_refused(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    place.write_bytes(entry("table.csv", ROW) if name.endswith("zip") else ROW)
    readers: dict[str, Callable[[], object]] = {
        "objects": lambda: list(columns.rows_of(place, ("id",))),
        "all_data_info": lambda: painters.read_paintings(tmp_path),
        "submission_info": lambda: list(painters.read_submission_pairs(place)),
    }
    with pytest.raises(UserError, match=f"line [12]: a row of more than {LONGEST_ROW:,} characters"):
        readers[name.partition(".")[0]]()


def test_a_quoted_row_of_ever_more_lines_is_refused(tmp_path: Path) -> None:
    (tmp_path / "objects.csv").write_bytes(b"id,title\n" + b'"\n",' * LONGEST_ROW)
    with pytest.raises(UserError, match="a row of more than"):
        list(columns.rows_of(tmp_path / "objects.csv", ("id",)))


def test_a_table_that_claims_more_than_any_has_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tlk.data.csv_files.MAX_STREAMED_BYTES", 10)
    (tmp_path / "objects.zip").write_bytes(entry("objects.csv", b"id,title\n1,2\n"))
    with pytest.raises(UserError, match="it would unpack to 13 bytes, the limit is 10"):
        list(columns.rows_of(tmp_path / "objects.zip", ("id",)))


def test_names_that_lead_elsewhere_are_only_names(tmp_path: Path) -> None:
    inside = tmp_path / "here"
    inside.mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with zipfile.ZipFile(inside / "train.zip", "w") as archive:
        archive.writestr("../secret.jpg", b"x")
        archive.writestr("/etc/passwd.jpg", b"y")
        link = zipfile.ZipInfo("train/1.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "../../secret.jpg")
    found = Archives(inside)
    read = {name: one.read() for name in ("secret.jpg", "passwd.jpg", "1.jpg") if (one := found.find(name))}
    assert read == {"secret.jpg": b"x", "passwd.jpg": b"y", "1.jpg": b"../../secret.jpg"}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["here", "secret.jpg", "train.zip"]


def test_a_competition_finds_nothing_outside_its_zip(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"secret")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("train.csv", "left,right\n../../b,a\n")
        archive.writestr("train/left/../../../b.jpg", b"x")
        archive.writestr("train/right/a.jpg", b"x")
    with pytest.raises(UserError, match=r"'\.\./\.\./b' is not an id"):
        Competition(tmp_path / "a.zip").train_pairs()
