"""The competition's tables with all their oddities, and the faults that are named by file and line."""

import zipfile
from pathlib import Path

import pytest

from tests.conftest import REAL_DATA
from tlk.data import painters as module
from tlk.data.painters import COLUMNS, find_year, read_paintings, read_submission_pairs
from tlk.errors import UserError

REAL = REAL_DATA / "painters"

HEADER = "artist,date,genre,pixelsx,pixelsy,size_bytes,source,style,title,artist_group,in_train,new_filename"
ROWS = (
    "Barnett Newman,1955.0,abstract,15530.0,,,wikiart,Color Field Painting,Uriel,train_only,True,102257.jpg",
    "kiri nichol,2013.0,,9003.0,9004.0,1756681.0,,Neoplasticism,,test_only,False,32145.jpg",
    'Barnett Newman ,,abstract,7345.0,8640.0,,wikiart,,"Who’s Afraid of Red,  Yellow",train_only,True,62252.jpg',
    "Pathway to the Sea,1975.0,abstract,450.0,334.0,143583.0,wikiart,,Ian Wedde ,train_only,True,84485.jpg",
)


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    (folder / "all_data_info.csv").write_text("\n".join((header, *rows)) + "\n")
    return folder


def test_rows_are_read_by_column_name(tmp_path: Path) -> None:
    first, second, third, fourth = read_paintings(write(tmp_path, *ROWS))
    assert (first.name, first.filename, first.artist) == ("102257", "102257.jpg", "Barnett Newman")
    assert dict(zip(COLUMNS, first.cells, strict=True)) == {
        "artist": "Barnett Newman", "title": "Uriel", "style": "Color Field Painting", "genre": "abstract",
        "date": "1955.0", "year": "1955", "artist_group": "train_only", "in_train": "True",
    }  # fmt: skip
    assert second.cells == ("kiri nichol", "", "Neoplasticism", "", "2013.0", "2013", "test_only", "False")
    assert third.cells[:2] == ("Barnett Newman", "Who’s Afraid of Red,  Yellow")
    assert third.cells[4:6] == ("", "")
    assert fourth.cells[:2] == ("Pathway to the Sea", "Ian Wedde")


def test_order_byte_order_mark_line_ends_and_missing_columns_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "all_data_info.csv").write_bytes("\ufeffnew_filename,artist\r\n 1.jpg , É \r\n\r\n2.png,\r\n".encode())
    first, second = read_paintings(tmp_path)
    assert (first.name, first.filename, first.cells) == ("1", "1.jpg", ("É",) + ("",) * 7)
    assert (second.name, second.filename, second.artist) == ("2", "2.png", "")


def test_the_zip_of_the_table_is_read_where_the_table_is_not(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all_data_info.csv.zip", "w") as archive:
        archive.writestr("all_data_info.csv", f"{HEADER}\n{ROWS[0]}\n")
    assert [painting.name for painting in read_paintings(tmp_path)] == ["102257"]
    assert [painting.name for painting in read_paintings(write(tmp_path, ROWS[1]))] == ["32145"]


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("1955.0", "1955"), ("1838", "1838"), ("c.1910", "1910"), ("July 1888", "1888"), ("1888-1890", "1888"),
        ("", ""), ("?", ""), ("19th century", ""), ("188", ""), ("18881890", ""), ("1510's", "1510"),
        ("4 May 1888", "1888"), ("١٩٥٥", ""),
    ],
)  # fmt: skip
def test_the_year_is_found_in_a_date(date: str, year: str) -> None:
    assert find_year(date) == year


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("artist,title", ["a,b"], "all_data_info.csv has no column 'new_filename'"),
        ("title,new_filename", ["a,1.jpg"], "all_data_info.csv has no column 'artist'"),
        ("artist,artist,new_filename", ["a,b,1.jpg"], "all_data_info.csv, line 1: column 'artist' stands there twice"),
        ("artist,new_filename", [], "all_data_info.csv has a header but no rows"),
        (HEADER, [ROWS[0], "Hiroshige,1838"], "all_data_info.csv, line 3: 2 cells where the header has 12"),
        ("artist,new_filename", ["a,1.jpg", "a,"], "all_data_info.csv, line 3: new_filename '' cannot be"),
        ("artist,new_filename", ['"a\nb",1.jpg', "a,../1.jpg"], r"line 4: new_filename '../1.jpg' cannot be"),
        ("artist,new_filename", ["a,C:\\1.jpg"], r"line 2: new_filename 'C:.*1.jpg' cannot be"),
        ("artist,new_filename", ["a,...jpg"], "line 2: new_filename '...jpg' cannot be"),
        ("artist,new_filename", ["a,1.jpg", "b,2.jpg", "c, 1.jpg"], "line 4: new_filename '1.jpg' stands in line 2"),
        ("artist,new_filename", ["a,1.jpg", "b,1.png"], "line 3: new_filename '1.png' stands in line 2"),
    ],
)
def test_faults_are_named_by_file_and_line(header: str, rows: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_paintings(write(tmp_path, *rows, header=header))
    assert str(tmp_path) in str(caught.value)
    assert len(str(caught.value).split("\n")) <= 3


def test_a_table_that_is_missing_or_a_trap_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"has neither all_data_info.csv nor all_data_info.csv.zip"):
        read_paintings(tmp_path)
    with zipfile.ZipFile(tmp_path / "all_data_info.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("all_data_info.csv", " " * 10_000)
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 9_999)
    with pytest.raises(UserError, match="is larger than any such table: over 9,999 bytes"):
        read_paintings(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="no real rows here")
def test_real_rows(tmp_path: Path) -> None:
    (table,) = REAL.glob("all_data_info*.csv")
    (tmp_path / "all_data_info.csv").write_bytes(table.read_bytes())
    rows = {painting.name: dict(zip(COLUMNS, painting.cells, strict=True)) for painting in read_paintings(tmp_path)}
    assert len(rows) == 60
    assert sum(row["artist"] == "Hiroshige" for row in rows.values()) == 6
    assert all(text == text.strip() for row in rows.values() for text in row.values())
    assert (rows["85070"]["date"], rows["85070"]["year"]) == ("c.1940", "1940")
    assert rows["62252"]["title"] == "Who’s Afraid of Red,  Yellow and Blue II"
    assert rows["84485"]["artist"] == "Pathway to the Sea"
    assert sum(row["year"] == "" for row in rows.values()) == sum(row["date"] == "" for row in rows.values())


def pairs_file(folder: Path, text: bytes, zipped: bool = False) -> Path:
    path = folder / "submission_info.csv"
    path.write_bytes(text)
    if zipped:
        with zipfile.ZipFile(folder / "submission_info.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
        return folder / "submission_info.csv.zip"
    return path


@pytest.mark.parametrize("zipped", [False, True])
def test_pairs_are_read_by_position_in_blocks(zipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 2)
    text = '\ufeffn,whatever,"second, image"\r\n0,1.jpg, 2.jpg \r\n"a,b","1.jpg",é.jpg\r\n\r\n02,007,2.jpg\r\n'
    blocks = list(read_submission_pairs(pairs_file(tmp_path, text.encode(), zipped)))
    assert blocks == [(["0", "a,b"], ["1", "1"], ["2", "é"]), (["02"], ["007"], ["2"])]


def test_no_pairs_are_no_blocks(tmp_path: Path) -> None:
    assert list(read_submission_pairs(pairs_file(tmp_path, b"index,image1,image2\n"))) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "submission_info.csv, line 1: '' cannot be the header"),
        (b"index,image1\n", "line 1: 'index,image1' cannot be the header"),
        (b"0,1.jpg,2.jpg\n1,1.jpg,3.jpg\n", "line 1: '0,1.jpg,2.jpg' cannot be the header"),
        (b"i,a,b\n0,1.jpg,2.jpg\n1,1.jpg\n", "submission_info.csv, line 3: 2 cells where the header has 3"),
        (b"i,a,b\n0,1.jpg,2.jpg,3.jpg\n", "line 2: 4 cells where the header has 3"),
        (b"i,a,b\n0,1.jpg,2.jpg\n,1.jpg,2.jpg\n", "submission_info.csv, line 3: the row has no index"),
        (b"i,a,b\n0,1.jpg,\n", "line 2: '' cannot be the name of an image"),
        (b"i,a,b\n0,1.jpg,2.jpg\n1,../1.jpg,2.jpg\n", "line 3: '../1.jpg' cannot be the name"),
        (b"i,a,b\n0,1.jpg,\xff.jpg\n", "submission_info.csv, line 2: not UTF-8 text: invalid start byte"),
        (b'i,a,b\n0,"1.jpg"x,2.jpg\n', "submission_info.csv, line 2: "),
    ],
)
def test_bad_pairs_are_named_by_file_and_line(text: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        list(read_submission_pairs(pairs_file(tmp_path, text)))
    assert len(str(caught.value).split("\n")) <= 3


def test_whole_blocks_come_before_a_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 1)
    blocks = read_submission_pairs(pairs_file(tmp_path, b"i,a,b\n0,1.jpg,2.jpg\n1,1.jpg\n"))
    assert next(blocks) == (["0"], ["1"], ["2"])
    with pytest.raises(UserError, match="line 3"):
        next(blocks)


def test_names_that_never_come_again_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)
    rows = "".join(f"{i},{2 * i}.jpg,{2 * i + 1}.jpg\n" for i in range(20))
    blocks = read_submission_pairs(pairs_file(tmp_path, f"i,a,b\n{rows}".encode()))
    names = [name for _, first, second in blocks for pair in zip(first, second, strict=True) for name in pair]
    assert names == [str(i) for i in range(40)]
