"""The rows of a ledger of submissions, as text that a spreadsheet opens without running anything in it."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from tlk.errors import UserError, printable
from tlk.tables import FORMULA, Table, format_table, harmless


@dataclass(frozen=True)
class Entry:
    """A submission: the file's name and content, and what made it.

    `top_2` and its interval from `low` to `high` are out-of-fold, with all lists matched where the submission's were;
    None where the run has no such number. `transductive`: something looked at the whole test half. `time` is UTC, ISO.
    `public` and `private` are the leaderboard's answer, None until it is known. Accuracies are shares from 0 to 1.
    `own` are cells of columns that the user has added, by their names; the tool keeps them.
    """

    file: str
    sha256: str
    run: str
    recipe: str
    data: str
    top_2: float | None
    low: float | None
    high: float | None
    matched: bool
    transductive: bool
    time: str
    public: float | None = None
    private: float | None = None
    own: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return all of it by the names of the columns."""
        return {name: getattr(self, name) for name in HEADER} | dict(self.own)


HEADER = tuple(column.name for column in fields(Entry) if column.name != "own")


def format_ledger(entries: Sequence[Entry]) -> str:
    """Return the CSV; text that a spreadsheet would take for a formula stands behind an apostrophe.

    What cannot be printed, such as a line end in the name of a file, is replaced.
    """
    own = tuple(dict.fromkeys(name for entry in entries for name in entry.own))
    names = [*HEADER, *map(_write, own)]
    rows = ([_write(entry.document().get(name, "")) for name in (*HEADER, *own)] for entry in entries)
    return format_table(names, rows)


def parse_ledger(table: Table) -> list[Entry]:
    """Return the rows of a table that has the ledger's columns, and maybe others.

    Raises:
        UserError: a cell cannot be what the tool has written.
    """
    entries = []
    for row, line in zip(table.rows, table.lines, strict=True):
        values: dict[str, Any] = {}
        cells = dict(zip(table.header, row, strict=True))
        for name in HEADER:
            cell = cells.pop(name)
            try:
                values[name] = _READ[name](cell)
            except ValueError as error:
                shown = cell if len(cell) <= 40 else f"{cell[:40]}…"
                remedy = f"it is {error}: undo the edit, or remove the row"
                raise UserError(f"{table.name}, line {line}: {name} {shown!r} is damaged\n{remedy}") from error
        own = {_text(name): _text(cell) for name, cell in cells.items() if name.strip() or cell.strip()}
        entries.append(Entry(**values, own=own))
    return entries


def share(value: float) -> float:
    """Return an accuracy that is one.

    Raises:
        ValueError: it is not from 0 to 1.
    """
    if not 0 <= value <= 1:  # nor is what is no number
        raise ValueError("a share from 0 to 1, such as 0.61")
    return value


def _write(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return harmless(value)
    return "" if value is None else repr(value)


def _text(cell: str) -> str:
    return printable(cell[1:] if cell.startswith("'") and re.match(FORMULA, cell) else cell)


def _name(cell: str) -> str:
    if not cell.strip():
        raise ValueError("a name")
    return _text(cell)


def _content(cell: str) -> str:
    if re.fullmatch("[0-9a-f]{64}", cell) is None:
        raise ValueError("64 digits from 0 to f")
    return cell


def _share(cell: str) -> float | None:
    try:
        number = float(cell) if cell.isascii() and "_" not in cell else math.nan
    except ValueError:
        number = math.nan
    return share(number) if cell else None


def _flag(cell: str) -> bool:
    if cell not in ("yes", "no"):
        raise ValueError("yes or no")
    return cell == "yes"


def _time(cell: str) -> str:
    try:
        known = datetime.fromisoformat(cell).tzinfo is not None
    except ValueError:
        known = False
    if not known:
        raise ValueError("a time such as 2026-01-31T12:00:00Z")
    return cell


_READ: dict[str, Callable[[str], Any]] = {
    "file": _name,
    "sha256": _content,
    **dict.fromkeys(("run", "recipe", "data"), _name),
    **dict.fromkeys(("top_2", "low", "high", "public", "private"), _share),
    **dict.fromkeys(("matched", "transductive"), _flag),
    "time": _time,
}
