"""Columns by name, of tables with all that real ones hide inside their quotes; faults by file and line."""

import re
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REAL_DATA
from tlk.data.columns import find_table, rows_of
from tlk.errors import UserError

REAL = REAL_DATA / "nga"
real = pytest.mark.skipif(not REAL.is_dir(), reason="no real tables here")


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def zipped(folder: Path, **entries: str) -> Path:
    path = folder / "t.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return path


def test_columns_come_as_asked_for_whatever_else_there_is(tmp_path: Path) -> None:
    path = write(tmp_path, "x,b,a,y\n1,2,3,4\n5,6,7,8\n")
    assert list(rows_of(path, ("a", "b"), ("none", "x"))) == [(2, ["3", "2", "", "1"]), (3, ["7", "6", "", "5"])]


def test_quotes_hide_line_ends_blank_lines_commas_and_quotes(tmp_path: Path) -> None:
    path = write(tmp_path, '\ufeffa,b\r\n"one\r\n\r\n\r\ntwo, ""three""",x\r\n\r\n"!200,200",é\r\nlast,"\n"')
    assert list(rows_of(path, ("a", "b"))) == [
        (2, ['one\r\n\r\n\r\ntwo, "three"', "x"]),
        (7, ["!200,200", "é"]),
        (8, ["last", "\n"]),
    ]


def test_a_table_lies_here_or_in_data_plain_or_zipped(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=re.escape(f"{tmp_path} has no t.csv, nor t.zip")):
        find_table(tmp_path, "t")
    (tmp_path / "data").mkdir()
    text = "a\n1\n"
    for place in ("data/t.zip", "data/t.csv.zip", "data/t.csv", "t.zip", "t.csv"):  # each one goes before the last
        path = tmp_path / place
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("folder/t.csv", text)
        else:
            path.write_text(text)
        assert find_table(tmp_path, "t") == path
        assert list(rows_of(path, ("a",))) == [(2, ["1"])]


def test_blanks_and_case_in_a_header_hide_no_column(tmp_path: Path) -> None:
    path = write(tmp_path, "A, OpenAccess ,b\n1,0, x\n")
    assert list(rows_of(path, ("a",), ("openaccess", "b"))) == [(2, ["1", "0", " x"])]


def test_no_rows_are_none(tmp_path: Path) -> None:
    assert list(rows_of(write(tmp_path, "a,b\n"), ("b",))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv has no column 'a'"),
        ("b,c\n1,2\n", "t.csv has no column 'a'\nits header is 'b,c'"),
        ("a,b,A\n1,2,3\n", "t.csv, line 1: column 'a' stands there twice"),
        ('a,b\n"1\n\n1",2\n3\n', "t.csv, line 5: 1 cells where the header has 2"),
        ('a,b\n"1\n\n1",2\n\n3,4,5\n', "t.csv, line 6: 3 cells where the header has 2"),
        ('a,b\n1,2\n"3,4\n5,6\n', "t.csv, line 3: "),
        ('a,b\n1,2\n"3"x,4\n', "t.csv, line 3: "),
        ('"a"x,b\n1,2\n', "t.csv, line 1: "),
        (b"a,b\n1,2\n3,\xff\n", "t.csv, line 3: not UTF-8 text: invalid start byte"),
        (b"a,b\n" + 5000 * b"1,2\n" + b"3,\xff\n4,5\n", "t.csv, line 5002: not UTF-8 text: invalid start byte"),
    ],
)
def test_faults_are_named_by_file_and_line(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        list(rows_of(write(tmp_path, text), ("a",)))
    assert str(tmp_path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_rows_before_a_bad_one_are_given(tmp_path: Path) -> None:
    rows = rows_of(write(tmp_path, "a\n1\n2,3\n"), ("a",))
    assert next(rows) == (2, ["1"])
    with pytest.raises(UserError, match="line 3"):
        next(rows)


def test_a_zip_holds_one_table_beside_what_a_mac_adds(tmp_path: Path) -> None:
    path = zipped(tmp_path, **{"a/t.CSV": "a\n1\n", "__MACOSX/a/t.csv": "x", "a/._t.csv": "x", "README.md": "x"})
    assert list(rows_of(path, ("a",))) == [(2, ["1"])]


@pytest.mark.parametrize(("entries", "number"), [({"a.csv": "a\n1\n", "b.csv": "a\n2\n"}, 2), ({"a.txt": "a\n1\n"}, 0)])
def test_of_several_tables_in_a_zip_none_is_taken(entries: dict[str, str], number: int, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"t.zip holds {number} CSVs where one was expected"):
        list(rows_of(zipped(tmp_path, **entries), ("a",)))


@pytest.mark.parametrize("fault", ["no zip", "cut", "stream", "checksum", "encrypted"])
def test_damaged_zips_are_said(fault: str, tmp_path: Path) -> None:
    path = zipped(tmp_path, **{"t.csv": "a\n" + "".join(f"{i}\n" for i in range(5000))})
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    if fault == "stream":
        data[35:60] = b"\xff" * 25
    elif fault == "checksum":
        data[directory + 16] ^= 0xFF
    elif fault == "encrypted":
        data[directory + 8] |= 1
    path.write_bytes(b"<html>" if fault == "no zip" else data[: len(data) // 2] if fault == "cut" else data)
    with pytest.raises(UserError, match=f"cannot read {re.escape(str(path))}: "):
        list(rows_of(path, ("a",)))


def test_a_table_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*t\.csv"):
        list(rows_of(tmp_path / "t.csv", ("a",)))


@real
def test_no_real_row_is_lost_or_shifted() -> None:
    stamp = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?-\d\d")
    media = [cells for _, cells in rows_of(REAL / "media_items.csv", ("mediaid", "mediatype", "lastmodified"))]
    assert len(media) == 2685
    assert all(name.isdecimal() and kind in ("audio", "video") for name, kind, _ in media)
    assert all(stamp.fullmatch(modified) for *_, modified in media)  # the last column of all
    related = [cells for _, cells in rows_of(REAL / "media_relationships.csv", ("relatedid", "relatedentity"))]
    assert len(related) == 2983
    assert sum(entity == "nga:art:tms:objects" for _, entity in related) == 1007
    assert all(name.isdecimal() and entity.startswith("nga:art:tms:") for name, entity in related)
    assert max(len(name) for name, *_ in media) == 13


@real
def test_real_terms_are_read_out_of_their_zip() -> None:
    count = 0
    for line, (name, number) in rows_of(find_table(REAL, "objects_terms"), ("objectid", "termid")):
        count += 1
        assert line == count + 1  # no cell of this table has a line end
        assert name.isdecimal()
        assert number.isdecimal()
    assert count == 383_360


@real
def test_the_real_object_has_line_ends_inside() -> None:
    columns = ("objectid", "dimensions", "provenancetext", "wikidataid")
    ((line, (name, size, provenance, wikidata)),) = rows_of(REAL / "objects.one-row.csv", columns)
    assert (line, name, wikidata) == (2, "0", "Q20172973")
    assert size.count("\r\n") == 2
    assert "\r\n\r\n\r\n[1] On Artaud" in provenance
    assert '"Canova' in provenance


@real
@pytest.mark.parametrize("vintage", ["2023", "2026"])
def test_real_headers_of_both_vintages_have_what_is_read(vintage: str) -> None:
    columns = ("objectid", "title", "attribution", "classification", "series", "beginyear", "endyear")
    assert list(rows_of(REAL / f"objects.header-{vintage}.csv", columns)) == []
    table, rows = {"2023": ("rows", 5), "2026": ("header-2026", 0)}[vintage]
    columns = ("iiifurl", "viewtype", "depictstmsobjectid", "sequence", "maxpixels")
    assert len(list(rows_of(REAL / f"published_images.{table}.csv", columns))) == rows
