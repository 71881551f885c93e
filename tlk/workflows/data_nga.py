"""From the National Gallery of Art's open data to a collection: tables joined, images downloaded."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from tlk.data.collection import TABLE, write_collection
from tlk.data.download import Failure, Manners, Wanted, download
from tlk.data.nga import Counted, Picture, Work, media, published, terms, works
from tlk.errors import UserError
from tlk.files import write_text
from tlk.tables import format_table, harmless, read_table
from tlk.workflows.progress import Reporter

COLUMNS = ("object", "title", "artist", "classification", "series", "beginyear", "endyear", "themes", "terms", "view")
DOWNLOADS, FAILURES = "downloads.csv", "failures.csv"
TO_TAKE, THERE = "images to take", "of them there"  # counted always
_DOWNLOADS_HEADER = ("id", "file", "url")


@dataclass(frozen=True)
class NgaOptions:
    """What of the open data is taken."""

    images: Literal["published", "media"] = "published"
    only: str | None = None  # a classification, such as painting
    theme: str | None = None  # a theme term, such as portrait
    all_views: bool = False  # not the primary ones alone
    restricted: bool = False  # also what is not in open access, in the size that is allowed
    size: int = 512
    limit: int | None = None
    download: bool = False


@dataclass
class NgaDone:
    """What was found, in the order in which it was counted, and what could not be downloaded."""

    counted: dict[str, int]
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True)
class _Row:
    id: str
    file: str
    url: str
    cells: tuple[str, ...]


def make_nga(
    opendata: Path, out: Path, options: NgaOptions, reporter: Reporter, manners: Manners | None = None
) -> NgaDone:
    """Join the tables in `opendata` and write the collection of the images that are there, downloading them if asked.

    `downloads.csv` names every image with its address, whether it is there or not; `failures.csv` those that could not
    be had, and why.

    Raises:
        UserError: a table is missing or faulty, or nothing is left of what was asked for.
    """
    if not 16 <= options.size <= 4096:
        raise UserError(f"--size {options.size}: the longer side in pixels, from 16 to 4096")
    counted = Counted()
    rows = list(_rows(opendata, options, counted))
    if not rows:
        found = "; ".join(f"{number:,} {what}" for what, number in counted.rows.items())
        raise UserError(
            f"no image is left: {found}\nsee the counts: other --only or --theme, --views all, or tables of one vintage"
        )
    _claim(out, rows)
    counted.add(TO_TAKE, len(rows))
    write_text(out / DOWNLOADS, format_table(_DOWNLOADS_HEADER, [(row.id, row.file, row.url) for row in rows]))
    failures = _download(out, rows, reporter, manners or Manners()) if options.download else []
    there = [row for row in rows if (out / row.file).is_file()]
    counted.add(THERE, len(there))
    write_collection(out, COLUMNS, [(row.id, row.file, *row.cells) for row in there])
    return NgaDone(counted.rows, failures)


def _claim(out: Path, rows: list[_Row]) -> None:
    """Refuse a folder that holds something else, or the same images from elsewhere, such as in another size."""
    if not (out / DOWNLOADS).is_file():
        if (out / TABLE).exists():
            raise UserError(f"{out} holds another collection\nchoose another place with --out, or delete it")
        return
    table = read_table(out / DOWNLOADS, lambda columns: _DOWNLOADS_HEADER)
    before = dict(zip(table.column("id"), table.column("url"), strict=True))
    for row in rows:  # a server may move: what follows its name says which image it is, and in which size
        same = _place(before.get(row.id, row.url)) == _place(row.url)
        if not same and (out / row.file).is_file():
            raise UserError(
                f"{out / row.file} came from {before[row.id]}\nkeep to that --size, or choose another --out"
            )


def _place(url: str) -> str:
    """Return what follows the server's name, or all of what is no address."""
    try:
        return urlsplit(url).path
    except ValueError:
        return url


def _rows(opendata: Path, options: NgaOptions, counted: Counted) -> Iterable[_Row]:
    """Yield the images to take, each with what is known of its object, counting what is left out and why."""
    objects, said = works(opendata, counted), terms(opendata, counted)
    if options.images == "media":
        pictures = media(opendata, counted)
    else:
        pictures = published(opendata, options.size, options.restricted, counted)
    used: set[str] = set()
    taken = 0
    for picture in pictures:
        work = objects.get(picture.object)
        if work is None:
            counted.add("images of objects that are not in the table")
            continue
        themes, poses = said.get(work.id, (set(), set()))
        if not _is_wanted(work, themes, picture, options):
            continue
        name = _name(work, picture)
        if name in used:
            counted.add("more images of one view, left out")
            continue
        used.add(name)
        taken += 1
        if options.limit is not None and taken > options.limit:
            continue
        told = "|".join(sorted(themes)), "|".join(sorted(themes | poses)) if poses else ""
        cells = (work.id, work.title, work.artist, work.classification, work.series, work.begin, work.end)
        yield _Row(name, f"images/{name}.jpg", picture.url, (*cells, *told, picture.view))


def _is_wanted(work: Work, themes: set[str], picture: Picture, options: NgaOptions) -> bool:
    if options.only is not None and work.classification.casefold() != options.only.casefold():
        return False
    if options.theme is not None and options.theme.lower() not in themes:
        return False
    return options.images == "media" or options.all_views or picture.view == "primary"


def _name(work: Work, picture: Picture) -> str:
    return (
        work.id
        if picture.view == "primary"
        else f"{work.id}-{''.join(c if c.isalnum() else '-' for c in picture.view)}"
    )


def _download(out: Path, rows: list[_Row], reporter: Reporter, manners: Manners) -> list[Failure]:
    wanted = [Wanted(row.url, out / row.file) for row in rows]
    with reporter.track("downloading") as progress:
        failures = download(wanted, manners, progress)
    ids = {out / row.file: row.id for row in rows}
    write_text(
        out / FAILURES,
        format_table(("id", "url", "why"), [(ids[one.path], harmless(one.url), harmless(one.why)) for one in failures]),
    )
    return failures
