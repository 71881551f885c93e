"""CSV tables as people really save them: byte-order marks, CRLF and quotes are fine, everything else is said."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlk.errors import UserError

Header = Callable[[int], Sequence[str]]  # what the header of a table with so many columns must be


@dataclass(frozen=True)
class Table:
    """A header, and rows of text as long as the header; `lines[i]` is the line that row i began on."""

    name: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """Return the column called `name`, which the header must have."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]


def parse_table(data: bytes, name: str, header: Header | None = None) -> Table:
    """Parse the CSV `data`; `name` is for messages. Every cell stays text, so `nan`, `007` and `1e5` are ids.

    Raises:
        UserError: not UTF-8, not a CSV, no header, or a row shorter or longer than the header.
    """
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows: list[tuple[str, ...]] = []
        lines: list[int] = []
        line = 1
        for cells in reader:
            if cells:  # a blank line has none
                rows.append(tuple(cells))
                lines.append(line)
            line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise UserError(f"{name} is not UTF-8 text: {error.reason} at byte {error.start}\nsave it as UTF-8") from error
    except csv.Error as error:
        raise UserError(f"{name}, line {reader.line_num}: {error}\nsave it as a plain CSV") from error
    if not rows:
        raise UserError(f"{name} is empty: a header and rows were expected")
    table = Table(name, rows[0], rows[1:], lines[1:])
    if header is not None:  # before the rows: cells that are too many are no surprise below a wrong header
        require_header(table, header(len(table.header)))
    for row, line in zip(table.rows, table.lines, strict=True):
        if len(row) != len(table.header):
            shown = f"{len(row)} cells where the header has {len(table.header)}"
            raise UserError(f"{name}, line {line}: {shown}\nmend the row, or remove it")
    return table


def read_table(path: Path, header: Header | None = None) -> Table:
    """Read a CSV of the user's, whose header must be `header`.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return parse_table(path.read_bytes(), str(path), header)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}\ncheck the path") from error


def require_header(table: Table, expected: Sequence[str]) -> None:
    """Raise a UserError unless the table's header is exactly `expected`."""
    if table.header != tuple(expected):
        found = ",".join(table.header)
        raise UserError(
            f"{table.name}: wrong header {found if len(found) <= 80 else found[:80] + '…'!r}\n"
            f"expected '{','.join(expected)}', separated by commas"
        )


def refuse_repeats(table: Table, column: str) -> None:
    """Raise a UserError if an id stands twice in `column`."""
    first: dict[str, int] = {}
    what = column if column in ("id", "file") else f"{column} id"
    for name, line in zip(table.column(column), table.lines, strict=True):
        if name in first:
            raise UserError(
                f"{table.name}, line {line}: {what} {name!r} stands in line {first[name]} already\n"
                "each id belongs to one row: remove one of the two"
            )
        first[name] = line


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a CSV with Unix line ends, quoted where needed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
