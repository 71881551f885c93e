"""CSVs are streamed from files and from zips of them."""

import io
import zipfile
from pathlib import Path

import pytest

from tlk.data.csv_files import open_csv
from tlk.errors import UserError


def make_zip(place: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return place


def test_a_csv_is_streamed_from_a_file_or_the_zip_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n")
    zipped = make_zip(tmp_path / "a.csv.zip", {"__MACOSX/._a.csv": b"x", "inside/a.csv": b"a,b\n", "README": b""})
    for path in (tmp_path / "a.csv", zipped):
        with open_csv(path) as file:
            assert file.read() == b"a,b\n"


def test_csvs_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    none = make_zip(tmp_path / "none.zip", {"README": b""})
    two = make_zip(tmp_path / "two.zip", {"a.csv": b"", "b.csv": b""})
    (tmp_path / "no.zip").write_bytes(b"no zip")
    damaged = tmp_path / "damaged.zip"
    with zipfile.ZipFile(damaged, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.csv", b"the right bytes")
    damaged.write_bytes(damaged.read_bytes().replace(b"the right", b"the wrong"))
    for path, message in (
        (none, "none.zip holds 0 CSVs where one was expected"),
        (two, "two.zip holds 2 CSVs where one was expected"),
        (tmp_path / "no.zip", "cannot read .*no.zip: File is not a zip file\ndownload it again"),
        (damaged, "cannot read .*damaged.zip: Bad CRC-32"),
        (tmp_path / "nowhere.csv", "cannot read .*nowhere.csv: No such file"),
        (tmp_path / "nowhere.zip", "cannot read .*nowhere.zip: .*No such file"),
    ):
        with pytest.raises(UserError, match=message), open_csv(path) as file:
            io.BytesIO(file.read())
