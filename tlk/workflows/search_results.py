"""What a search found: as a document, as a table, and as a contact sheet."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from tlk.data.reader import ImageReader
from tlk.files import replacing
from tlk.tables import format_table, harmless
from tlk.workflows.contact_sheet import Cell, draw_sheet

HEADER = ("query", "rank", "id", "similarity", "title")


@dataclass(frozen=True)
class Neighbour:
    """An image of the gallery that was found."""

    rank: int
    id: str
    title: str
    artist: str
    similarity: float


@dataclass(frozen=True)
class Found:
    """What was found for a query; `itself` is the id under which the gallery has the query, if it has it.

    `paths` are those of the query and then of its neighbours.
    """

    query: str
    itself: str | None
    neighbours: tuple[Neighbour, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True)
class Searched:
    """What a search did: what compared the images, how many there were, which could not be read, what was found."""

    by: str
    gallery: str
    images: int
    skipped: tuple[str, ...]
    found: tuple[Found, ...]

    def document(self) -> dict[str, Any]:
        """Return what `tlk search --json` prints."""
        document = asdict(self)
        queries = document.pop("found")
        for row in queries:
            del row["paths"]
        return document | {"queries": queries}


def write_results(found: Sequence[Found], out: Path | None, sheet: Path | None, reader: ImageReader) -> None:
    """Write the table of all queries, and the contact sheet, where they are asked for.

    Raises:
        UserError: an image has gone meanwhile (nothing is written then), or a place cannot be written to.
    """
    drawn = BytesIO()
    if sheet is not None:
        draw_sheet([_cells(one) for one in found], reader).save(drawn, "PNG")
    table = format_table(HEADER, (row for one in found for row in _rows(one))).encode()
    with ExitStack() as both:  # where one cannot be written, neither is
        for path, content in ((out, table), (sheet, drawn.getbuffer())):
            if path is not None:
                both.enter_context(replacing(path)).write(content)


def _rows(found: Found) -> list[list[str]]:
    return [
        [harmless(found.query), str(one.rank), harmless(one.id), f"{one.similarity:.7g}", harmless(one.title)]
        for one in found.neighbours
    ]


def _cells(found: Found) -> list[Cell]:
    """Return the query and its neighbours, each with what stands below it."""
    lines: list[tuple[str, ...]] = [(found.query, "query")]
    lines += [(f"{one.rank} · {one.similarity:.3f}", one.id, one.title) for one in found.neighbours]
    return [Cell(path, own) for path, own in zip(found.paths, lines, strict=True)]
