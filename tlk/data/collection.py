"""A collection of art: a folder of images and `collection.csv`, a row an image with what is known of it."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from tlk.data.competition import is_plain_id
from tlk.data.source import Source, open_source
from tlk.errors import UserError
from tlk.files import write_text
from tlk.tables import format_table, parse_table, refuse_repeated_columns, refuse_repeats

TABLE = "collection.csv"
FIRST_COLUMNS = ("id", "file")  # the file below the folder, with forward slashes; any other columns may follow


class Collection:
    """Images in the order of the table; every cell is text, empty where nothing is known.

    Raises:
        UserError: the table is missing or faulty, an id stands there twice, or a file is not below the folder.
    """

    def __init__(self, location: Path) -> None:
        self.source: Source = open_source(location)
        self.name = self.source.name
        if not self.source.exists(TABLE):
            raise UserError(f"{location} has no {TABLE}\nmake one: tlk data nga, or tlk data painters")
        table = parse_table(self.source.read(TABLE), f"{location}/{TABLE}")
        for column in FIRST_COLUMNS:
            if column not in table.header:
                raise UserError(f"{table.name} has no column {column!r}\nits first ones are {','.join(FIRST_COLUMNS)}")
        refuse_repeated_columns(table)
        refuse_repeats(table, "id")
        refuse_repeats(table, "file")
        self._table = table
        self.ids: tuple[str, ...] = tuple(table.column("id"))
        self.paths: tuple[str, ...] = tuple(table.column("file"))
        for name, path, line in zip(self.ids, self.paths, table.lines, strict=True):
            if not is_plain_id(name) or not _is_below(path):
                raise UserError(
                    f"{table.name}, line {line}: id {name[:60]!r} or file {path[:60]!r} cannot be one\n"
                    "an id is a plain name, a file a path below the folder"
                )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def columns(self) -> tuple[str, ...]:
        """What the table has."""
        return self._table.header

    def column(self, name: str) -> tuple[str, ...]:
        """Return what the table says in one column.

        Raises:
            UserError: there is no such column.
        """
        if name not in self._table.header:
            raise UserError(f"{self._table.name} has no column {name!r}\nit has {', '.join(self._table.header)}")
        return tuple(self._table.column(name))


def is_collection(location: Path) -> bool:
    """Return whether there is a collection at `location`: a folder with the table."""
    return (location / TABLE).is_file()


def write_collection(folder: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write the table of a collection; `columns` come after id and file."""
    write_text(folder / TABLE, format_table((*FIRST_COLUMNS, *columns), rows))


def _is_below(path: str) -> bool:
    parts = PurePosixPath(path).parts
    leads_away = path.startswith("/") or ".." in parts or "\\" in path or PureWindowsPath(path).drive
    return bool(parts) and not leads_away and path.isprintable()
