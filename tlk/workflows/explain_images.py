"""The two pictures that are explained: by ids of the data, or any files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.data.collection import is_collection
from tlk.data.competition import Competition
from tlk.data.gallery import Gallery, open_gallery
from tlk.data.images import decode_image
from tlk.data.source import open_source
from tlk.errors import UserError
from tlk.workflows.search_queries import find_queries

_SIDES = ("left", "right")


@dataclass(frozen=True)
class Picture:
    """A picture, `(h, w, 3)` uint8, as the user has named it."""

    name: str
    pixels: np.ndarray


def find_pair(data: Path, left: str, right: str) -> tuple[Picture, Picture]:
    """Return the two pictures; an id of the data comes before a file of that name, a left image before a right one.

    Raises:
        UserError: a name is neither an id nor a file that can be decoded.
    """
    names = (left, right)
    if not data.exists() and all(Path(name).is_file() for name in names):  # two files need no data
        gallery = Gallery(open_source(Path()), (), ())
    else:
        gallery = open_gallery(data)
    plain = [_in_competition(data, gallery, name, side) for name, side in zip(names, _SIDES, strict=True)]
    found = []
    for name, query in zip(names, find_queries(plain, gallery), strict=True):
        content = gallery.source.read(query.path) if query.in_gallery else _read(query.path)
        found.append(Picture(name, decode_image(content, query.name)))
    return found[0], found[1]


def _in_competition(data: Path, gallery: Gallery, name: str, side: str) -> str:
    """Return the path in a competition of the image whose id is `name`, looked for on its own side first."""
    if name in gallery.ids or not gallery.ids or is_collection(data):
        return name
    competition, other = Competition(data), _SIDES[side == "left"]
    folders = [f"{half}/{one}" for one in (side, other) for half in ("train", "test")]
    return next((competition.images(folder)[name] for folder in folders if name in competition.images(folder)), name)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}\ngive the path of an image") from error
