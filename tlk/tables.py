"""CSV tables as people really save them: byte-order marks, CRLF and quotes are fine, everything else is said."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TextIO

from tlk.errors import UserError, printable, shown

# Characters of a row: no table comes near, and a quote that is never closed, or a zip bomb, does not fill the memory.
LONGEST_ROW = 1_000_000
MAX_TABLE_BYTES = 256 * 1024 * 1024  # of a table that is read whole
_PIECE = 1024 * 1024

FORMULA = r"'*\s*[=+\-@＝＋－＠]"  # what a spreadsheet would compute, behind however many apostrophes

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


def parse_table(data: bytes, name: str, header: Header | None = None, further: bool = False) -> Table:
    """Parse the CSV `data`; `name` is for messages. Every cell stays text, so `nan`, `007` and `1e5` are ids.

    With `further` the columns of `header` may stand in any order, and others beside them.

    Raises:
        UserError: not UTF-8, not a CSV, no header, or a row shorter or longer than the header.
    """
    try:
        text = Lines(io.StringIO(data.decode("utf-8-sig"), newline=""))
        reader = csv.reader(text, strict=True)
        rows: list[tuple[str, ...]] = []
        lines: list[int] = []
        line = 1
        for cells in reader:
            if cells:  # a blank line has none
                rows.append(tuple(cells))
                lines.append(line)
            line = reader.line_num + 1
            text.row = 0
    except UnicodeDecodeError as error:
        line = 1 + error.object.count(b"\n", 0, error.start)
        raise UserError(f"{name}, line {line}: not UTF-8 text: {error.reason}\nsave it as UTF-8") from error
    except csv.Error as error:  # the row began here; where a quote is not closed, the reader is at the end by now
        raise UserError(f"{name}, line {line}: {error}\nsave it as a plain CSV") from error
    if not rows:
        raise UserError(f"{name} is empty: a header and rows were expected\nget the table again")
    table = Table(name, rows[0], rows[1:], lines[1:])
    if header is not None:  # before the rows: cells that are too many are no surprise below a wrong header
        require_header(table, header(len(table.header)), further)
    for row, line in zip(table.rows, table.lines, strict=True):
        if len(row) != len(table.header):
            shown = f"{len(row)} cells where the header has {len(table.header)}"
            raise UserError(f"{name}, line {line}: {shown}\nmend the row, or remove it")
    return table


def undecodable_line(file: IO[bytes]) -> int:
    """Return the first line that is not UTF-8: a text that is decoded in blocks does not tell; 0 if all are."""
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    for piece in chain(iter(lambda: file.read(_PIECE), b""), [b""]):
        try:
            decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
        line += piece.count(b"\n")
    return 0


def read_table(path: Path, header: Header | None = None, further: bool = False) -> Table:
    """Read a CSV of the user's, whose header must be `header`; with `further` it may also hold other columns.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TABLE_BYTES + 1)
        if len(data) > MAX_TABLE_BYTES:
            raise UserError(f"{path} has more than {MAX_TABLE_BYTES:,} bytes: it is no such table\nname the right file")
        return parse_table(data, str(path), header, further)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}\ncheck the path") from error


class Lines:
    """The lines of a text for `csv.reader`, which is to put `row`, the characters since a row began, back to 0.

    Raises csv.Error where a row is longer than `LONGEST_ROW`.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.row = 0

    def __iter__(self) -> Iterator[str]:
        read = self._text.readline
        while line := read(LONGEST_ROW + 1):
            self.row += len(line)
            if self.row > LONGEST_ROW:
                raise csv.Error(f"a row of more than {LONGEST_ROW:,} characters: is a quote not closed?")
            yield line


def require_header(table: Table, expected: Sequence[str], further: bool = False) -> None:
    """Raise a UserError unless the table's header is exactly `expected`; with `further`, holds it, each name once."""
    names = set(table.header)
    if table.header == tuple(expected) or (further and names >= set(expected) and len(names) == len(table.header)):
        return
    wanted = ",".join(expected) if len(expected) <= 40 else f"{','.join(expected[:3])},…,{expected[-1]}"
    beside = "; columns of your own may stand beside these, each with a name" if further else ""
    raise UserError(
        f"{table.name}: wrong header {shown(','.join(table.header), 80)}\n"
        f"expected '{wanted}', separated by commas{beside}"
    )


def refuse_repeats(table: Table, column: str) -> None:
    """Raise a UserError if an id stands twice in `column`."""
    first: dict[str, int] = {}
    what = column if column in ("id", "file") else f"{column} id"
    for name, line in zip(table.column(column), table.lines, strict=True):
        if name in first:
            raise UserError(
                f"{table.name}, line {line}: {what} {shown(name)} stands in line {first[name]} already\n"
                "each id belongs to one row: remove one of the two"
            )
        first[name] = line


def harmless(text: str) -> str:
    """Return `text` for a cell that people look at in a spreadsheet: a formula stands behind an apostrophe, as text.

    What cannot be printed, such as a tab, a line end or an escape sequence, is replaced. Not for what is read back by
    its content, such as ids: those stay as they are, and no spreadsheet has to open them.
    """
    text = printable(text)
    return f"'{text}" if re.match(FORMULA, text) else text


def refuse_repeated_columns(table: Table) -> None:
    """Raise a UserError if two columns have one name: nothing says which of them is meant."""
    for name in table.header:
        if table.header.count(name) > 1:
            raise UserError(
                f"{table.name}, line 1: column {name!r} stands there twice\nrename or remove one of the two"
            )


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a CSV with Unix line ends, quoted where needed."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    quoting = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in chain([header], rows):
        # The module does not quote a lone carriage return, which it refuses to read unquoted.
        (quoting if any("\r" in cell for cell in row) else writer).writerow(row)
    return text.getvalue()
