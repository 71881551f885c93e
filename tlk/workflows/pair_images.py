"""Two images that are named: which file each one is, and which model of a run has seen neither."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from tlk.data.collection import is_collection
from tlk.data.competition import Competition
from tlk.data.gallery import Gallery, open_gallery
from tlk.data.images import decode_image
from tlk.data.names import composed
from tlk.data.source import open_source
from tlk.errors import UserError
from tlk.workflows.run import Run
from tlk.workflows.search_queries import Query, find_queries
from tlk.workflows.workspace import Workspace

_SIDES = ("left", "right")


@dataclass(frozen=True)
class PairImages:
    """Two images as the user has named them, and where they lie: within the gallery, or absolute."""

    names: tuple[str, str]
    paths: tuple[str, str]
    gallery: Gallery

    def content(self, which: int) -> bytes:
        """Return the file of the first (0) or the second (1)."""
        path = Path(self.paths[which])
        return path.read_bytes() if path.is_absolute() else self.gallery.source.read(self.paths[which])


@dataclass(frozen=True)
class Unseen:
    """A left and a right training image of one part that is scored, by their ids, and the place of its model."""

    query: str
    candidate: str
    place: int


def find_images(data: Path, names: tuple[str, str]) -> PairImages:
    """Return two images; an id of the data comes before a file, of a competition the one's left side before its right.

    Raises:
        UserError: a name is neither an id nor a file that can be decoded, or without data there is no such file.
    """
    gallery = _gallery(data, names)
    whole = [_in_competition(data, gallery, name, side) for name, side in zip(names, _SIDES, strict=True)]
    one, other = (_path(query, gallery, name) for query, name in zip(find_queries(whole, gallery), names, strict=True))
    return PairImages(names, (one, other), gallery)


def find_unseen(run: Run, paths: Sequence[str], workspace: Workspace) -> Unseen | None:
    """Return which model of a single run has seen neither of two images of the data; None where there is none."""
    left, right = sorted(map(PurePosixPath, paths))  # train/left goes before train/right
    if [str(left.parent), str(right.parent)] != ["train/left", "train/right"] or run.verification() is not None:
        return None
    oof = run.out_of_fold()
    rows, columns = _named(left.stem, oof.query_ids), _named(right.stem, oof.gallery_ids)
    if len(rows) != 1 or len(columns) != 1 or oof.fold[rows[0]] != oof.fold[columns[0]]:
        return None
    from tlk.workflows.trained_images import was_trained_on

    if not was_trained_on(run, workspace):
        return None
    query, candidate = str(oof.query_ids[rows[0]]), str(oof.gallery_ids[columns[0]])
    return Unseen(query, candidate, int(np.flatnonzero(np.unique(oof.fold) == oof.fold[rows[0]])[0]))


def _named(stem: str, ids: np.ndarray) -> list[int]:
    """Return where an image stands among ids; its file's name may be in another of Unicode's normal forms."""
    return [place for place, name in enumerate(ids) if composed(name) == composed(stem)]


def _gallery(location: Path, names: tuple[str, str]) -> Gallery:
    """Return what ids are of: the data, or nothing where two files are named and there are no data."""
    if os.path.exists(location):
        try:
            return open_gallery(location)
        except UserError:
            if not all(map(os.path.isfile, names)):
                raise
    for name in names:
        if not os.path.exists(name):
            raise UserError(
                f"there is no file {name}, and {location} does not exist\n"
                "give the path of an image, or with --data an id of the data"
            )
    return Gallery(open_source(Path()), (), ())


def _in_competition(data: Path, gallery: Gallery, name: str, side: str) -> str:
    """Return the path in a competition of the image whose id is `name`, looked for on its own side first."""
    if name in gallery.ids or not gallery.ids or is_collection(data):
        return name
    competition, other = Competition(data), _SIDES[side == "left"]
    folders = [f"{half}/{one}" for one in (side, other) for half in ("train", "test")]
    return next((competition.images(folder)[name] for folder in folders if name in competition.images(folder)), name)


def _path(query: Query, gallery: Gallery, name: str) -> str:
    """Return the path of an image that can be read, within the gallery if it lies there."""
    if query.in_gallery:
        decode_image(gallery.source.read(query.path), name)
        return query.path
    place, root = Path(query.path).resolve(), gallery.source.location.resolve()
    inside = place.relative_to(root).as_posix() if place.is_relative_to(root) else None
    return inside if inside in gallery.paths else query.path
