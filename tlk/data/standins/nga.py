"""A stand-in for the open data of the National Gallery of Art: its tables, and the images that its IIIF service has.

Planted, as in the real tables: line ends and blank lines inside quoted cells, commas inside addresses, the object id 0
and one of 13 digits, images of objects that are not in the table and objects without images, images that are not open,
limits on their size, a byte-order mark, names beyond ASCII, a copy of a picture, and talks related to people whose
numbers are those of objects.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from tlk.data.jpeg import to_jpeg
from tlk.data.standins.artworks import Artwork, Term, draw_artworks, object_ids
from tlk.data.standins.canvas import draw_painting
from tlk.data.standins.hands import draw_hand
from tlk.data.standins.names import artist_names
from tlk.data.standins.nga_media import write_media
from tlk.data.standins.nga_tables import Row, write_rows
from tlk.data.standins.sitters import SITTERS, another_view
from tlk.errors import UserError
from tlk.files import filling
from tlk.seeding import derive_seed, generator

SIZES = (512, 200)  # what the service is asked for: pictures and thumbnails
LIMITED, TIGHT = 640, 400  # values of maxpixels: the second one is below the usual request
ORPHANS = 3  # images without an object, and objects without an image
MEDIA = {"Painting": "oil on canvas", "Print": "etching, on laid paper", "Drawing": "black chalk"}


def draw_nga(folder: Path, iiif: str, sitters: int = 30, seed: int = 0) -> None:
    """Write the stand-in into `folder`; `iiif` is the address at which folder/iiif will be served.

    The same seed gives the same bytes on one machine. `folder` is complete or not there at all.

    Raises:
        UserError: too few or too many sitters, or a folder that cannot be filled.
    """
    if not 4 <= sitters <= SITTERS:
        raise UserError(f"{sitters} sitters cannot be drawn\nask for a number from 4 to {SITTERS}")
    artists = max(5, sitters // 3)
    names = artist_names(artists, generator(seed, "nga", "artists"))
    iiif = iiif.rstrip("/")
    with filling(folder) as drawn:
        objects: list[Row] = []
        images: list[Row] = []
        terms: list[tuple[Term, int]] = []
        for number, work in enumerate(draw_artworks(sitters, artists, seed)):
            random = generator(seed, "nga", "object", work.objectid)
            objects.append(_object(work, names[work.artist], random))
            images.extend(_published(drawn / "iiif", iiif, work, number, random))
            terms.extend((term, work.objectid) for term in work.terms)
        known = {int(str(row["objectid"])) for row in objects}
        images.extend(_orphans(drawn / "iiif", iiif, known, seed))
        objects.extend(_unseen(known, names[0], seed))
        write_rows(drawn, "objects.csv", objects, marked=True)
        write_rows(drawn, "published_images.csv", sorted(images, key=lambda row: str(row["uuid"])))
        write_rows(drawn, "objects_terms.csv", _terms(terms))
        write_media(drawn, iiif, sorted(known), seed)


def _object(work: Artwork, artist: str, random: np.random.Generator) -> Row:
    year = int(random.integers(1500, 1930))
    given, family = artist.split(" ", 1)
    height, width = (side / 4 for side in work.image.shape[:2])
    return {
        "objectid": work.objectid,
        "uuid": _uuid(random),
        "accessioned": 1,
        "accessionnum": f"19{random.integers(37, 99)}.{random.integers(1, 40)}.{random.integers(1, 400)}",
        "title": work.title,
        "displaydate": f"c. {year}/{year + 3}",
        "beginyear": year,
        "endyear": year + 3,
        "visualbrowsertimespan": f"{year // 100 * 100} to {year // 100 * 100 + 100}",
        "medium": MEDIA[work.technique],
        "dimensions": f"overall: {height:.1f} × {width:.1f} cm\r\nframed: {height + 20:.1f} × {width + 20:.1f} cm",
        "attributioninverted": f"{family}, {given}",
        "attribution": artist,
        "provenancetext": f'By descent, {year + 40}, to "the family";[1] sold.\r\n\r\n\r\n[1] See the notes, p. 3.\r\n',
        "creditline": "Gift of Someone, and Another",
        "classification": work.technique,
        "visualbrowserclassification": work.technique.lower(),
        "isvirtual": 0,
        "departmentabbr": "CIS-R",
        "series": work.series,
        "lastdetectedmodification": "2023-05-09 17:01:03.48-04",
        "wikidataid": f"Q{random.integers(10**7)}" if random.random() < 0.5 else "",
    }


def _published(
    folder: Path, iiif: str, work: Artwork, number: int, random: np.random.Generator
) -> Iterator[Row]:  # fmt: skip
    """Write the images of a work and yield their rows: always a primary view, for every fifth another one as well."""
    views = [("primary", work.image)]
    if number % 5 == 2:
        views.append(("alternate", another_view(work.image, random)))
    closed = number % 11 == 4
    limit = LIMITED if closed or number % 13 == 6 else TIGHT if number == 7 else None
    for sequence, (view, image) in enumerate(views):
        yield _image(folder, iiif, image, work.objectid, random, limit) | {
            "viewtype": view,
            "sequence": sequence,
            "openaccess": int(not closed),
            "assistivetext": "A person, half turned,\r\n\r\nlooks at us." if random.random() < 0.3 else "",
        }


def _image(
    folder: Path, iiif: str, image: np.ndarray, objectid: int, random: np.random.Generator, limit: int | None
) -> dict[str, object]:  # fmt: skip
    name, scan = _uuid(random), int(random.integers(9, 16))
    height, width = image.shape[:2]
    for size in SIZES:
        served = min(size, limit or size)
        scale = served / max(height, width)
        flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        fitted = cv2.resize(image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=flags)
        path = folder / name / "full" / f"!{served},{served}" / "0" / "default.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(to_jpeg(fitted))
    return {
        "uuid": name,
        "iiifurl": f"{iiif}/{name}",
        "iiifthumburl": f"{iiif}/{name}/full/!200,200/0/default.jpg",
        "width": width * scan,
        "height": height * scan,
        "maxpixels": limit or "",
        "created": "2013-07-05 15:41:08-04",
        "modified": "2023-07-27 12:06:38-04",
        "depictstmsobjectid": objectid,
    }


def _orphans(folder: Path, iiif: str, known: set[int], seed: int) -> Iterator[Row]:
    strangers = (number for number in range(230_001, 240_000) if number not in known)
    for number, objectid in zip(range(ORPHANS), strangers, strict=False):
        random = generator(seed, "nga", "orphan", number)
        image, _ = draw_painting(draw_hand(derive_seed(seed, "nga"), number), random)
        row = _image(folder, iiif, image, objectid, random, None)
        yield row | {"viewtype": "primary", "sequence": 0, "openaccess": 1}


def _unseen(known: set[int], artist: str, seed: int) -> Iterator[Row]:
    fresh = (number for number in object_ids(seed) if number not in known)
    for number, objectid in zip(range(ORPHANS), fresh, strict=False):
        random = generator(seed, "nga", "unseen", number)
        yield {
            "objectid": objectid, "uuid": _uuid(random), "accessioned": 1, "title": f"Bust of a Man, {number + 1}",
            "attribution": artist, "attributioninverted": artist, "classification": "Sculpture",
            "visualbrowserclassification": "sculpture", "isvirtual": 0,
        }  # fmt: skip


def _terms(terms: list[tuple[Term, int]]) -> list[Row]:
    numbers = {term: 2034762 + i for i, term in enumerate(sorted({term for term, _ in terms}))}
    rows = sorted((numbers[term], objectid, term) for term, objectid in terms)
    return [
        {"termid": termid, "objectid": objectid, "termtype": kind, "term": word, "visualbrowsertheme": theme}
        for termid, objectid, (kind, word, theme) in rows
    ]


def _uuid(random: np.random.Generator) -> str:
    return str(uuid.UUID(bytes=random.bytes(16), version=4))
