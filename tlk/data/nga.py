"""The National Gallery of Art's open data, as it is published on GitHub: tables of objects, images, terms and media.

Columns are found by name: newer vintages insert `uuid` and `openaccess`. Ids are text: some have 13 digits, one is 0.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tlk.data.columns import find_table, rows_of
from tlk.errors import UserError

OBJECTS = "nga:art:tms:objects"  # what a relationship's `relatedentity` says where its `relatedid` is an object's
POSE = re.compile(r"facing|bust|head|length|figure|profile|seated|standing|recumbent|3/4|equestrian", re.IGNORECASE)
_PRIMARY = "primary"
_LONGEST = 40  # characters of an id or a view
_ACCESS = {"": True, "1": True, "true": True, "0": False, "false": False}  # nothing: a vintage that does not say


@dataclass(frozen=True)
class Work:
    """An object of the collection: what its row says of it."""

    id: str
    title: str
    artist: str
    classification: str
    series: str
    begin: str
    end: str


@dataclass(frozen=True)
class Picture:
    """An image of an object: where it is, and which of the object's views it is."""

    object: str
    view: str  # "primary", or "alternate-1" and so on
    url: str


@dataclass
class Counted:
    """What was found and what was left out, for people to see."""

    rows: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, number: int = 1) -> None:
        """Count `number` more of `what`."""
        self.rows[what] = self.rows.get(what, 0) + number


def works(folder: Path, counted: Counted) -> dict[str, Work]:
    """Return the objects by id.

    Raises:
        UserError: the table is missing or faulty, or an id stands there twice.
    """
    path = find_table(folder, "objects")
    required = ("objectid", "title", "attribution", "classification")
    found: dict[str, Work] = {}
    for line, (name, title, artist, kind, series, begin, end) in rows_of(
        path, required, ("series", "beginyear", "endyear")
    ):
        _require_id(path, line, "objectid", name)
        if name in found:
            raise UserError(f"{path}, line {line}: object {name} stands there twice\nremove one of the two rows")
        texts = (_one_line(text) for text in (title, artist, kind, series, begin, end))
        found[name] = Work(name, *texts)
    counted.add("objects", len(found))
    return found


def terms(folder: Path, counted: Counted) -> dict[str, tuple[set[str], set[str]]]:
    """Return for each object its theme terms and its pose terms, in lower case; a theme's family is one of them.

    Raises:
        UserError: the table is missing or faulty.
    """
    path = find_table(folder, "objects_terms")
    found: dict[str, tuple[set[str], set[str]]] = {}
    told: list[tuple[str, str, str]] = []
    for line, (name, kind, term, family) in rows_of(path, ("objectid", "termtype", "term"), ("visualbrowsertheme",)):
        counted.add("terms")
        _require_id(path, line, "objectid", name)
        _, poses = found.setdefault(name, (set(), set()))
        if kind == "Theme":
            told.append((name, term.lower(), family.lower()))
        if kind in ("Theme", "Keyword") and POSE.search(term):
            poses.add(term.lower())
    families = {family for *_, family in told}
    for name, term, family in told:
        other = family and term in families - {family}  # a portrait in the family of animals is none of people
        found[name][0].update({family} if other else {term, family} - {""})
    return found


def published(folder: Path, size: int, restricted: bool, counted: Counted) -> Iterator[Picture]:
    """Yield the published images, each in a size of at most `size` pixels a side, by the IIIF image API.

    An image that is not in open access is left out unless `restricted`; `maxpixels` limits what may be asked for.

    Raises:
        UserError: the table is missing or faulty.
    """
    path = find_table(folder, "published_images")
    required = ("iiifurl", "viewtype", "depictstmsobjectid")
    for line, (address, view, name, number, limit, access) in rows_of(
        path, required, ("sequence", "maxpixels", "openaccess")
    ):
        counted.add("published images")
        _require_id(path, line, "depictstmsobjectid", name)
        if not _is_address(address):
            raise UserError(f"{path}, line {line}: iiifurl {address[:60]!r} is no address\nmend the row")
        if len(view) > _LONGEST:  # it becomes part of a file's name
            raise UserError(f"{path}, line {line}: viewtype {view[:20]!r}… is no view\nmend the row")
        if limit and not (limit.isdecimal() and len(limit) <= 9):
            raise UserError(f"{path}, line {line}: maxpixels {limit[:20]!r} is no whole number\nmend the row")
        if access.strip().lower() not in _ACCESS:
            raise UserError(f"{path}, line {line}: openaccess {access[:20]!r} is neither 1 nor 0\nmend the row")
        if not _ACCESS[access.strip().lower()] and not restricted:
            counted.add("not in open access, left out")
            continue
        side = min(size, int(limit)) if limit and int(limit) else size
        kind = _PRIMARY if view == _PRIMARY else f"{view or 'view'}-{number or '0'}"
        yield Picture(name, kind, f"{address}/full/!{side},{side}/0/default.jpg")


def media(folder: Path, counted: Counted) -> Iterator[Picture]:
    """Yield the images of media items that relate to objects: thumbnails of talks, films and audio about them.

    Source of the join: Rathod, *Task 2: Similarity*, 2025, 2; there without regard to what `relatedid` is an id of.

    Raises:
        UserError: a table is missing or faulty.
    """
    items: dict[str, str] = {}
    path = find_table(folder, "media_items")
    for line, (item, image, thumbnail) in rows_of(path, ("mediaid",), ("imageurl", "thumbnailurl")):
        counted.add("media items")
        _require_id(path, line, "mediaid", item)
        if item in items:
            raise UserError(f"{path}, line {line}: media item {item} stands there twice\nremove one of the two rows")
        items[item] = image or thumbnail
    path = find_table(folder, "media_relationships")
    for line, (item, name, entity) in rows_of(path, ("mediaid", "relatedid", "relatedentity")):
        counted.add("relationships")
        _require_id(path, line, "mediaid", item)
        _require_id(path, line, "relatedid", name)
        if entity != OBJECTS:
            counted.add("of them to others than objects")
            continue
        counted.add("of them to objects")
        if items.get(item):
            yield Picture(name, f"media-{item}", items[item])
        else:
            counted.add("to objects, the item without an image" if item in items else "to objects, the item not there")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _require_id(path: Path, line: int, column: str, name: str) -> None:
    if not (name.isascii() and name.isdecimal() and len(name) <= _LONGEST):
        raise UserError(
            f"{path}, line {line}: {column} {name[:40]!r} is no number\nmend the row, or get the table again"
        )


def _one_line(text: str) -> str:
    return " ".join(text.split())
