"""Some columns of a large table, by name, row after row: other columns may come, go and change places."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from tlk.data.csv_files import open_csv
from tlk.errors import UserError, shown
from tlk.tables import Lines, undecodable_line


def find_table(folder: Path, name: str) -> Path:
    """Return where the table called `name` lies: as NAME.csv or NAME.zip, in `folder` or its subfolder `data`.

    Raises:
        UserError: it lies in none of these.
    """
    places = [
        below / f"{name}{ending}" for below in (folder, folder / "data") for ending in (".csv", ".csv.zip", ".zip")
    ]
    for place in places:
        if place.is_file():
            return place
    raise UserError(f"{folder} has no {name}.csv, nor {name}.zip\nget it where the other tables came from")


def rows_of(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[tuple[int, list[str]]]:
    """Yield the line that each row of a CSV, or of a zip with one, begins on, and its cells of the named columns.

    Cells come in the order of `required`, then `optional`, empty where the table has no such column. Quoted cells may
    hold line ends, blank lines and commas. In the header neither case counts nor blanks around a name.

    Raises:
        UserError: a required column is missing, a column that is read stands there twice, a row is not as long as the
            header, or it is no CSV in UTF-8.
    """
    with open_csv(path) as file:
        text = Lines(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
        reader, line = csv.reader(text, strict=True), 1
        try:
            header = [name.strip().lower() for name in next(reader, [])]
            places = _places(path, header, required, optional)
            line, text.row = reader.line_num + 1, 0
            for cells in reader:
                if len(cells) != len(header) and cells:
                    what = f"{len(cells)} cells where the header has {len(header)}"
                    raise UserError(f"{path}, line {line}: {what}\nmend the row, or get the table again")
                if cells:  # a blank line has none
                    yield line, [cells[place] if place is not None else "" for place in places]
                line, text.row = reader.line_num + 1, 0
        except UnicodeDecodeError as error:
            with open_csv(path) as file:
                line = undecodable_line(file)
            raise UserError(f"{path}, line {line}: not UTF-8 text: {error.reason}\nget the table again") from error
        except csv.Error as error:
            raise UserError(f"{path}, line {line}: {error}\nmend the row, or get the table again") from error


def _places(path: Path, header: list[str], required: Sequence[str], optional: Sequence[str]) -> list[int | None]:
    missing = [name for name in required if name not in header]
    if missing:
        raise UserError(f"{path} has no column {missing[0]!r}\nits header is {shown(','.join(header), 120)}")
    twice = [name for name in (*required, *optional) if header.count(name) > 1]
    if twice:
        raise UserError(
            f"{path}, line 1: column {twice[0]!r} stands there twice\nmend the header, or get the table again"
        )
    return [header.index(name) if name in header else None for name in (*required, *optional)]
