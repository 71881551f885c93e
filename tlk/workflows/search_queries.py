"""What a search is asked for: images by the gallery's ids, or any files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from tlk.data.gallery import Gallery
from tlk.data.images import decode_image
from tlk.data.names import composed
from tlk.data.reader import ImageReader
from tlk.data.source import MAX_FILE_BYTES, Source
from tlk.errors import UserError


@dataclass(frozen=True)
class Query:
    """An image to look for: as the user has named it, and its path, in the gallery or absolute."""

    name: str
    path: str
    in_gallery: bool  # an id has named it

    def is_file(self, path: Path) -> bool:
        """Return whether the query is the very file at `path`."""
        return os.path.exists(path) and os.path.samefile(self.path, path)


class SearchReader(ImageReader):
    """Reads a gallery, and files from anywhere by their absolute paths; its errors say what a search can do."""

    def __init__(self, gallery: Source) -> None:
        super().__init__(_Anywhere(gallery))

    def _load(self, path: str) -> np.ndarray:
        try:
            return super()._load(path)
        except UserError as error:
            raise _unreadable(error) from error


class _Anywhere:
    """A source, and files by their absolute paths."""

    def __init__(self, source: Source) -> None:
        self.location, self.name = source.location, source.name
        self.exists, self.files = source.exists, source.files
        self._source = source

    def read(self, path: str) -> bytes:
        if Path(path).is_absolute():
            return _content(path, path)
        try:
            return self._source.read(path)
        except UserError as error:
            raise _unreadable(error) from error


def find_queries(names: Sequence[str], gallery: Gallery) -> list[Query]:
    """Return what is to be looked for; a name that is an id of the gallery means that image.

    Raises:
        UserError: a name is neither an id nor a file that can be decoded.
    """
    paths = dict(zip(gallery.ids, gallery.paths, strict=True))
    found = []
    for name in names:
        if name in paths:
            found.append(Query(name, paths[name], True))
        elif Path(name).exists():
            decode_image(_content(name, name), name)  # now, and under the user's own name for it
            found.append(Query(name, str(Path(name).absolute()), False))
        elif len(alike := _composed_otherwise(name, gallery)) == 1:
            found.append(Query(name, paths[alike[0]], True))
        else:
            raise _unknown(name, gallery)
    return found


def _composed_otherwise(name: str, gallery: Gallery) -> list[str]:
    """Return the ids that read like a name: a keyboard composes letters and accents otherwise than many a disk."""
    return [one for one in gallery.ids if not one.isascii() and composed(one) == composed(name)]


def _unreadable(error: UserError) -> UserError:
    return UserError(f"{str(error).splitlines()[0]}\nmend or remove the file, or search without it: --skip-bad")


def _content(path: str, name: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read {name}: {error.strerror}\ngive the path of an image") from error
    if len(data) > MAX_FILE_BYTES:
        raise UserError(f"cannot read {name}: it has more than {MAX_FILE_BYTES:,} bytes\ngive the path of an image")
    return data


def _unknown(name: str, gallery: Gallery) -> UserError:
    alike = [there for there in gallery.ids if name in (PurePosixPath(there).name, PurePosixPath(there).stem)]
    hint = f"did you mean {', '.join(alike[:3])}?" if alike else f"its ids are such as {gallery.ids[0]}"
    return UserError(f"there is no file {name}, nor an image of that id in {gallery.source.location}\n{hint}")
