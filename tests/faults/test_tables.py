"""Tables as people save them, ids as people choose them, and zips as people make them."""

import csv
import io
import shutil
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Change, Rows, rows
from tlk.cli.main import run
from tlk.tables import format_table

TRAIN, LISTS, TRUTH = "train.csv", "test_candidates.csv", "test_truth.csv"
COMMANDS = {
    TRAIN: ["folds", "--k", "2", "--out", "folds.csv"],
    LISTS: ["check-submission", "data/sample-submission.csv"],
    TRUTH: ["eval", "--submission", "data/sample-submission.csv"],
}


def text(change: Callable[[str], str]) -> Change:
    return lambda data: change(data.decode()).encode()


def cell(line: int, column: int, value: Callable[[str], str]) -> Change:
    """Return what changes the cell of a line, counted as messages do, from 1."""

    def change(table: Rows) -> None:
        table[line - 1][column] = value(table[line - 1][column])

    return rows(change)


def quoted(data: str) -> str:
    return "\n".join(",".join(f'"{part}"' for part in line.split(",")) for line in data.splitlines()) + "\n"


def open_quote(data: str) -> str:
    lines = data.splitlines()
    return "\n".join([*lines[:2], '"' + lines[2], *lines[3:]])


# Of each table what works; the outcome is that of the table as it was.
WORKS: list[tuple[str, str, Change]] = [
    ("a byte-order mark is fine", TRAIN, lambda data: b"\xef\xbb\xbf" + data),
    ("line ends of Windows are fine", TRAIN, lambda data: data.replace(b"\n", b"\r\n")),
    ("line ends of old Macs are fine", TRAIN, lambda data: data.replace(b"\n", b"\r")),
    ("no line end after the last row is fine", TRAIN, lambda data: data.rstrip(b"\n")),
    ("blank lines at the end are fine", TRAIN, lambda data: data + b"\n\n\n"),
    ("blank lines between rows are fine", TRAIN, lambda data: data.replace(b"\n", b"\n\n")),
    ("quotes around every cell are fine", TRAIN, text(quoted)),
    ("a byte-order mark before the lists is fine", LISTS, lambda data: b"\xef\xbb\xbf" + data),
    ("line ends of Windows in the lists are fine", LISTS, lambda data: data.replace(b"\n", b"\r\n")),
    ("quotes in the lists are fine", LISTS, text(quoted)),
    ("the truth of queries that are not asked is fine", TRUTH, lambda data: data + b"other,another\n"),
    ("the truth in another order is fine", TRUTH, rows(lambda table: table.append(table.pop(1)))),
]

REFUSED: list[tuple[str, str, Change, tuple[str, ...]]] = [
    ("an empty table is refused", TRAIN, lambda data: b"", ("is empty",)),
    ("a table of blank lines is refused", TRAIN, lambda data: b"\n\n\n", ("is empty",)),
    ("a header alone is refused", TRAIN, lambda data: b"left,right\n", ("a header but no rows",)),
    ("rows without a header are refused", TRAIN, rows(lambda table: table.pop(0)), ("wrong header", "left,right")),
    (
        "ids between semicolons are refused",
        TRAIN,
        text(lambda t: t.replace(",", ";")),
        ("wrong header 'left;right'", "commas"),
    ),
    ("ids between tabs are refused", TRAIN, text(lambda t: t.replace(",", "\t")), ("wrong header", "commas")),
    ("columns in another order are refused", TRAIN, text(lambda t: t.replace("left,right", "right,left")), ("header",)),
    ("a header in capitals is refused", TRAIN, text(lambda t: t.replace("left,right", "Left,Right")), ("header",)),
    ("a header with blanks is refused", TRAIN, text(lambda t: t.replace("left,right", "left, right")), ("header",)),
    ("a column too many is refused", TRAIN, rows(lambda table: [row.append("1") for row in table]), ("wrong header",)),
    ("a table in UTF-16 is refused", TRAIN, lambda data: data.decode().encode("utf-16"), ("UTF-8",)),
    (
        "a table in Latin-1 is refused",
        TRAIN,
        lambda data: data + "Käthe,b\n".encode("latin-1"),
        ("line 10", "save it as UTF-8"),
    ),
    ("a zip named .csv is refused", TRAIN, lambda data: b"PK\x03\x04\x14\x00\xff\xfe" + data, ("line 1", "UTF-8")),
    ("a page of HTML named .csv is refused", TRAIN, lambda data: b"<!DOCTYPE html>\n<p>404, sorry\n", ("header",)),
    ("a byte of zero is refused", TRAIN, cell(3, 0, lambda name: name + "\0"), ("line 3", "is not an id")),
    ("a quote that is never closed is refused", TRAIN, text(open_quote), ("line 3", "plain CSV")),
    ("a quote within a cell is refused", TRAIN, text(lambda t: t + '"a"b,c\n'), ("line 10", "plain CSV")),
    ("a line end within an id is refused", TRAIN, cell(3, 0, lambda name: name + "\n"), ("line 3", "is not an id")),
    (
        "a line of a megabyte is refused",
        TRAIN,
        cell(3, 0, lambda name: "x" * 1_000_000),
        ("line 3", "1,000,000 characters"),
    ),
    ("a long id that is none is refused in short", TRAIN, cell(3, 0, lambda name: "/" * 9999), ("line 3", "not an id")),
    ("a row too short is refused", TRAIN, text(lambda t: t + "a\n"), ("line 10", "1 cells where the header has 2")),
    ("a row too long is refused", TRAIN, text(lambda t: t + "a,b,c\n"), ("line 10", "3 cells where the header has 2")),
    ("a comma at the end of each row is refused", TRAIN, text(lambda t: t.replace("\n", ",\n")), ("wrong header",)),
    (
        "a row that stands there twice is refused",
        TRAIN,
        rows(lambda table: table.append(table[3])),
        ("line 10", "line 4"),
    ),
    ("a left image of two pairs is refused", TRAIN, rows(lambda t: t[5].__setitem__(0, t[2][0])), ("line 6", "line 3")),
    (
        "a right image of two pairs is refused",
        TRAIN,
        rows(lambda t: t[5].__setitem__(1, t[2][1])),
        ("line 6", "right id"),
    ),
    ("an id without an image is refused", TRAIN, cell(4, 1, lambda name: "zzzz"), ("'zzzz' (line 4)", "train/right")),
    ("an empty id is refused", TRAIN, cell(4, 1, lambda name: ""), ("line 4", "'' is not an id")),
    ("an id of blanks is refused", TRAIN, cell(4, 1, lambda name: "  "), ("line 4", "'  ' is not an id")),
    ("a blank after an id is refused", TRAIN, cell(4, 0, lambda name: f"{name} "), (" ' (line 4)", "train/left")),
    ("a blank before an id is refused", TRAIN, cell(4, 1, lambda name: f" {name}"), ("for ' ", "(line 4)")),
    ("an id with its ending is refused", TRAIN, cell(4, 1, lambda name: f"{name}.jpg"), (".jpg' (line 4)",)),
    ("an id in capitals is another id", TRAIN, cell(4, 1, str.upper), ("' (line 4)",)),
    ("an id that leads up is refused", TRAIN, cell(4, 1, lambda name: f"../right/{name}"), ("line 4", "is not an id")),
    ("an id from the root is refused", TRAIN, cell(4, 1, lambda name: "/etc/passwd"), ("line 4", "is not an id")),
    ("an id of a drive is refused", TRAIN, cell(4, 1, lambda name: "C:\\x"), ("line 4", "is not an id")),
    ("a formula is only an id without an image", TRAIN, cell(4, 1, lambda name: "=1+1"), ("'=1+1' (line 4)",)),
    ("a list with a candidate too few is refused", LISTS, rows(lambda t: t[3].pop()), ("line 4", "20 cells")),
    ("a list with a candidate too many is refused", LISTS, rows(lambda t: t[3].append("a")), ("line 4", "22 cells")),
    ("a candidate that is empty is refused", LISTS, cell(4, 7, lambda name: ""), ("line 4", "'' is not an id")),
    (
        "a candidate twice in a list is refused",
        LISTS,
        rows(lambda t: t[3].__setitem__(5, t[3][2])),
        ("line 4", "twice"),
    ),
    (
        "a query that has two lists is refused",
        LISTS,
        rows(lambda t: t[6].__setitem__(0, t[3][0])),
        ("line 7", "line 4"),
    ),
    ("lists without a header are refused", LISTS, rows(lambda t: t.pop(0)), ("wrong header",)),
    (
        "lists whose columns are renamed are refused",
        LISTS,
        text(lambda t: t.replace("c0", "c_0", 1)),
        ("wrong header",),
    ),
    ("lists of semicolons are refused", LISTS, text(lambda t: t.replace(",", ";")), ("wrong header",)),
    (
        "lists of one candidate are refused",
        LISTS,
        rows(lambda t: t.__setitem__(slice(None), [r[:2] for r in t])),
        ("header",),
    ),
    ("an empty table of lists is refused", LISTS, lambda data: b"", ("is empty",)),
    ("a header of lists alone is refused", LISTS, lambda data: data.splitlines()[0], ("a header but no rows",)),
    ("a truth that is not in its list is refused", TRUTH, cell(4, 1, lambda name: "zzzz"), ("not in its list",)),
    ("a query whose truth is absent is refused", TRUTH, rows(lambda t: t.pop(4)), ("has no answer",)),
    ("a query with two truths is refused", TRUTH, rows(lambda t: t.append(t[4])), ("line 22", "line 5")),
    ("an empty truth is refused", TRUTH, lambda data: b"", ("is empty",)),
    ("a truth of other columns is refused", TRUTH, text(lambda t: t.replace("left", "query", 1)), ("wrong header",)),
]

IDS: list[tuple[str, str]] = [
    ("an id with zeros before it keeps them", "007"),
    ("an id that is a number is text", "1e5"),
    ("an id that is a fraction is text", "0.10"),
    ("an id called nan is an id", "nan"),
    ("an id called NA is an id", "NA"),
    ("an id called null is an id", "null"),
    ("an id called TRUE is an id", "TRUE"),
    ("an id with a blank inside is an id", "a b"),
    ("an id with a comma is an id", "a,b"),
    ("an id with a quote is an id", 'a"b'),
    ("an id with a dot is an id", "a.b"),
    ("an id that begins with a dash is an id", "-rf"),
    ("an id that is a formula is an id", "=1+1"),
    ("an id with an accent is an id", unicodedata.normalize("NFC", "élan")),
    ("an id with an accent of two letters is an id", unicodedata.normalize("NFD", "élan")),
    ("an id in Chinese is an id", "图像"),
    ("an id of an emoji is an id", "🖼"),
    ("an id of two hundred letters is an id", "x" * 200),
]


def packed(folder: Path, place: Path, prefix: str = "", method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(place, "w", method) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, prefix + str(path.relative_to(folder)))


def with_more(folder: Path, place: Path) -> None:
    """What a Mac adds, and an entry that would like to be elsewhere."""
    packed(folder, place, "data/")
    with zipfile.ZipFile(place, "a") as archive:
        archive.writestr("__MACOSX/data/._train.csv", b"\0\5\26\7")
        archive.writestr("../../evil.txt", b"evil")


def encrypted(folder: Path, place: Path) -> None:
    """Every entry claims to be encrypted, in its own header and in the directory."""
    packed(folder, place, method=zipfile.ZIP_STORED)
    data = bytearray(place.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    place.write_bytes(data)


def cut(folder: Path, place: Path) -> None:
    packed(folder, place)
    place.write_bytes(place.read_bytes()[:-3000])


def flipped(folder: Path, place: Path) -> None:
    """The bytes of an image are others than its checksum says."""
    packed(folder, place, method=zipfile.ZIP_STORED)
    data = bytearray(place.read_bytes())
    start = data.find(b"\xff\xd8\xff", data.find(b"train/left/"))
    data[start + 300 : start + 310] = bytes(10)
    place.write_bytes(data)


def claiming(folder: Path, place: Path) -> None:
    """A table that would unpack to a gigabyte."""
    packed(folder, place)
    with zipfile.ZipFile(place) as archive:
        kept = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in kept.items():
            if name != TRAIN:
                archive.writestr(name, content)
        with archive.open(TRAIN, "w", force_zip64=True) as file:
            for _ in range(300):
                file.write(bytes(1 << 20))


ZIPS_THAT_WORK: list[tuple[str, Callable[[Path, Path], None]]] = [
    ("a zip is read without being unpacked", packed),
    ("a zip with a folder on top is read", lambda folder, place: packed(folder, place, "competition/")),
    ("a zip with three folders on top is read", lambda folder, place: packed(folder, place, "a/b/c/")),
    ("a zip that stores is read", lambda folder, place: packed(folder, place, method=zipfile.ZIP_STORED)),
    ("what a Mac adds to a zip, and an entry that leads out of it, are left alone", with_more),
]
ZIPS: list[tuple[str, Callable[[Path, Path], Any], str]] = [
    (
        "a zip packed with LZMA, which cannot be bounded, is refused",
        lambda folder, place: packed(folder, place, method=zipfile.ZIP_LZMA),
        "another method than deflate",
    ),
    ("a file that is no zip is refused", lambda folder, place: place.write_bytes(b"hello" * 99), "cannot open"),
    ("an empty file is no zip", lambda folder, place: place.write_bytes(b""), "cannot open"),
    ("a zip of nothing is refused", lambda folder, place: zipfile.ZipFile(place, "w").close(), "has no train.csv"),
    ("a zip that is cut off is refused", cut, "cannot open"),
    ("an encrypted zip is refused", encrypted, "encrypted"),
    ("a zip with flipped bytes is refused", flipped, "Bad CRC-32"),
    ("a table that would fill the memory is refused", claiming, "unpack to 314,572,800 bytes"),
]

CASES = [*WORKS, *REFUSED, *IDS, *ZIPS_THAT_WORK, *ZIPS]


@pytest.fixture(scope="session")
def outcomes(tiny_competition: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The table of folds that comes of the data as they were."""
    folder = tmp_path_factory.mktemp("outcomes")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TLK_CACHE", raising=False)
        assert run(["folds", "--data", str(tiny_competition), "--k", "2", "--out", "folds.csv"]) == 0
    return {TRAIN: (folder / "folds.csv").read_bytes()}


@pytest.mark.parametrize(("table", "change"), [case[1:] for case in WORKS], ids=[case[0] for case in WORKS])
def test_it_works(table: str, change: Change, data: Path, works: Any, outcomes: dict[str, bytes]) -> None:
    before = works(COMMANDS[table])
    (data / table).write_bytes(change((data / table).read_bytes()))
    assert works(COMMANDS[table]) == before
    if table == TRAIN:
        assert Path("folds.csv").read_bytes() == outcomes[TRAIN]


@pytest.mark.parametrize(
    ("table", "change", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_it_is_refused_and_named(table: str, change: Change, words: tuple[str, ...], data: Path, refused: Any) -> None:
    (data / table).write_bytes(change((data / table).read_bytes()))
    words = words if words[0] in ("not in its list", "has no answer") else (table, *words)
    message = refused(COMMANDS[table], *words)
    assert max(map(len, message)) < 400  # however long what is wrong may be


@pytest.mark.parametrize("name", [case[1] for case in IDS], ids=[case[0] for case in IDS])
def test_ids_are_text(name: str, data: Path, works: Any) -> None:
    """As the id of a training image, and of a query that a submission answers."""
    for table, folder in ((TRAIN, "train/left"), (LISTS, "test/left")):
        old = (data / table).read_text().splitlines()[1].split(",")[0]
        for place in (data / table, data / "sample-submission.csv"):
            lines = list(csv.reader(io.StringIO(place.read_text())))
            place.write_text(format_table(lines[0], [[name if c == old else c for c in row] for row in lines[1:]]))
        (data / folder / f"{old}.jpg").rename(data / folder / f"{name}.jpg")
    works(COMMANDS[TRAIN])
    assert [name in row for row in csv.reader(io.StringIO(Path("folds.csv").read_text()))].count(True) == 1
    works(COMMANDS[LISTS])
    works(["embed", "--recipe", "thumbnail"])


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_an_accent_is_an_accent_however_it_is_written(on_disk: str, in_table: str, data: Path, works: Any) -> None:
    old = (data / TRAIN).read_text().splitlines()[1].split(",")[0]
    name = unicodedata.normalize(in_table, "élan")
    (data / TRAIN).write_text((data / TRAIN).read_text().replace(f"{old},", f"{name},"))
    place = data / "train/left" / f"{unicodedata.normalize(on_disk, 'élan')}.jpg"  # type: ignore[arg-type]
    (data / "train/left" / f"{old}.jpg").rename(place)
    works(["data", "check"])
    works(COMMANDS[TRAIN])
    assert f"\n{name}," in Path("folds.csv").read_text()  # as the table has it
    place.write_bytes(b"")
    assert "1 of 16 images are left out" in works([*COMMANDS[TRAIN], "--skip-bad"])


@pytest.mark.parametrize("pack", [case[1] for case in ZIPS_THAT_WORK], ids=[case[0] for case in ZIPS_THAT_WORK])
def test_the_zip_works(
    pack: Callable[[Path, Path], None], data: Path, works: Any, outcomes: dict[str, bytes], workspace_folder: Path
) -> None:
    pack(data, Path("zipped.zip"))
    shutil.rmtree(data)
    works([*COMMANDS[TRAIN], "--data", "zipped.zip"])
    assert Path("folds.csv").read_bytes() == outcomes[TRAIN]
    assert not list(workspace_folder.parent.rglob("evil.txt"))


@pytest.mark.parametrize(("pack", "words"), [case[1:] for case in ZIPS], ids=[case[0] for case in ZIPS])
def test_the_zip_is_refused(pack: Callable[[Path, Path], None], words: str, data: Path, refused: Any) -> None:
    pack(data, Path("zipped.zip"))
    refused([*COMMANDS[TRAIN], "--data", "zipped.zip"], "zipped.zip", words)
