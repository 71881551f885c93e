"""The tables of the competition *Painter by Numbers* (Kaggle, 2016) as they are distributed."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlk.data.competition import is_plain_id
from tlk.data.csv_files import open_csv
from tlk.data.source import MAX_FILE_BYTES
from tlk.errors import UserError
from tlk.tables import Lines, Table, parse_table, refuse_repeated_columns, undecodable_line

TABLE = "all_data_info.csv"
COLUMNS = ("artist", "title", "style", "genre", "date", "year", "artist_group", "in_train")  # of the collection
BLOCK = 1_000_000  # pairs

# Said to be corrupt by the competition itself, which distributes replacements.
KNOWN_CORRUPT = frozenset({"3917", "41945", "79499", "91033", "92899", "95347", "101947", "18649", "20153", "100532"})

_REQUIRED = ("artist", "new_filename")
_YEAR = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")


@dataclass(frozen=True)
class Painting:
    """A row of the table: the image's `name`, its file's, and the cells of `COLUMNS`."""

    name: str
    filename: str
    cells: tuple[str, ...]

    @property
    def artist(self) -> str:
        """Who painted it, as the table says."""
        return self.cells[0]


def read_paintings(folder: Path) -> list[Painting]:
    """Read `all_data_info.csv`, or the zip of it, in `folder`: a painting a row, in the table's order.

    Columns are found by name; those that are missing are empty. Cells lose blanks at their ends, else they stay as they
    are. Some artists are titles ("Pathway to the Sea"). They stay artists: many a painter's name is as odd, nothing in
    the row says which it is, and the competition's own groups and pairs were drawn from this column as it stands.

    Raises:
        UserError: the table is missing, empty or faulty, or a row has too few cells or a file name that is none, or
            repeated.
    """
    table = _read_table(folder)
    missing = [column for column in _REQUIRED if column not in table.header]
    if missing:
        raise UserError(
            f"{table.name} has no column {missing[0]!r}\nit is not the competition's table: download it again"
        )
    refuse_repeated_columns(table)
    if not table.rows:
        raise UserError(f"{table.name} has a header but no rows\ndownload it again")
    columns = {name: [cell.strip() for cell in table.column(name)] for name in table.header}
    empty = [""] * len(table.rows)
    columns["year"] = [find_year(date) for date in columns.get("date", empty)]
    names = _names(table, columns["new_filename"])
    cells = zip(*(columns.get(name, empty) for name in COLUMNS), strict=True)
    return [Painting(*row) for row in zip(names, columns["new_filename"], cells, strict=True)]


def find_year(date: str) -> str:
    """Return the first four-digit year in a date such as `1955.0`, `c.1910`, `July 1888` or `1888-1890`, else ""."""
    match = _YEAR.search(date)
    return match[0] if match else ""


def _read_table(folder: Path) -> Table:
    places = [place for place in (folder / TABLE, folder / f"{TABLE}.zip") if place.is_file()]
    if not places:
        raise UserError(f"{folder} has neither {TABLE} nor {TABLE}.zip\ndownload it to where the archives are")
    with open_csv(places[0]) as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise UserError(f"{places[0]} is larger than any such table: over {MAX_FILE_BYTES:,} bytes\ndownload it again")
    return parse_table(data, str(places[0]))


def _names(table: Table, filenames: list[str]) -> list[str]:
    """Return the images' names, each of which must be fit for a file and stand there once."""
    first: dict[str, int] = {}
    for filename, line in zip(filenames, table.lines, strict=True):
        try:
            name = _stem(filename)
        except ValueError as error:
            raise UserError(f"{table.name}, line {line}: new_filename {error}\nmend the row, or remove it") from error
        if name in first:
            raise UserError(
                f"{table.name}, line {line}: new_filename {filename!r} stands in line {first[name]} already\n"
                "each image belongs to one row: remove one of the two"
            )
        first[name] = line
    return list(first)


def read_submission_pairs(path: Path) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Yield the pairs of `submission_info.csv`, or of a zip of it, as blocks `(index, first, second)` of text.

    Columns count by position: an index, which stays as it is, one image's name, another's. The header may call them
    what it likes. Blocks have `BLOCK` pairs, the last one what is left; names that come again, as all do, are the same
    object, so a block takes 80 MB, most of it for the indices.

    Raises:
        UserError: the file cannot be read, has no header, or has a bad row.
    """
    with open_csv(path) as file:
        text = Lines(io.TextIOWrapper(file, "utf-8-sig", newline=""))
        reader = csv.reader(text, strict=True)
        try:
            header = next(reader, [])
            if len(header) < 3 or header[0].strip().isdigit():
                expected = "a header and three columns were expected: index, image, image"
                raise UserError(f"{path}, line 1: {','.join(header)[:80]!r} cannot be the header\n{expected}")
            yield from _blocks(reader, text, path, len(header))
        except UnicodeDecodeError as error:
            with open_csv(path) as again:
                line = undecodable_line(again)
            raise UserError(f"{path}, line {line}: not UTF-8 text: {error.reason}\nsave it as UTF-8") from error
        except csv.Error as error:
            raise UserError(f"{path}, line {reader.line_num}: {error}\nsave it as a plain CSV") from error


def _blocks(reader: Any, text: Lines, path: Path, width: int) -> Iterator[tuple[list[str], list[str], list[str]]]:
    stems = _Stems()
    index: list[str] = []
    first: list[str] = []
    second: list[str] = []
    for cells in reader:
        text.row = 0
        if len(cells) != width:
            if not cells:  # a blank line
                continue
            shown = f"{len(cells)} cells where the header has {width}"
            raise UserError(f"{path}, line {reader.line_num}: {shown}\nmend the row, or remove it")
        if not cells[0]:
            raise UserError(f"{path}, line {reader.line_num}: the row has no index\nmend the row, or remove it")
        try:
            index.append(cells[0])
            first.append(stems[cells[1]])
            second.append(stems[cells[2]])
        except ValueError as error:
            raise UserError(f"{path}, line {reader.line_num}: {error}\nmend the row, or remove it") from error
        if len(first) == BLOCK:
            yield index, first, second
            index, first, second = [], [], []
    if first:
        yield index, first, second


class _Stems(dict[str, str]):
    """Names of images by the cells that name them, each looked at once: some ten thousand, however many the pairs."""

    def __missing__(self, cell: str) -> str:
        if len(self) >= BLOCK:  # more than any collection has: they are not kept, so that memory stays flat
            self.clear()
        self[cell] = _stem(cell.strip())
        return self[cell]


def _stem(filename: str) -> str:
    """Return a file's name without its ending.

    Raises:
        ValueError: it cannot be one: empty, or a path.
    """
    stem = filename.rpartition(".")[0] or filename
    if not is_plain_id(stem) or not is_plain_id(filename):
        raise ValueError(f"{filename[:60]!r} cannot be the name of an image")
    return stem
