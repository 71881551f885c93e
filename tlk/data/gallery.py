"""A gallery: the images that a search looks through, below any folder, of a collection or of a competition."""

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tlk.data.collection import Collection, is_collection
from tlk.data.competition import Competition
from tlk.data.images import SUFFIXES
from tlk.data.source import Source, open_source
from tlk.errors import UserError, printable

_LEFT_OUT = "__MACOSX"  # what a Mac's archiver adds: not images, whatever their endings


@dataclass(frozen=True)
class Gallery:
    """Images by id: that of the collection, or the path; `titles` and `artists` are empty where nothing says them."""

    source: Source
    ids: tuple[str, ...]
    paths: tuple[str, ...]
    titles: tuple[str, ...] = ()
    artists: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)


def open_gallery(location: Path) -> Gallery:
    """Open a collection, a competition (its images in train/ and test/), or any folder with all images below it.

    Raises:
        UserError: there is no such folder, it cannot be read, or no image is in it.
    """
    if not os.path.exists(location):
        raise UserError(f"{location} does not exist\nname a folder of images with --data, or --gallery")
    if is_collection(location):
        collection = Collection(location)
        known = {name: collection.column(name) for name in ("title", "artist") if name in collection.columns}
        titles, artists = known.get("title", ()), known.get("artist", ())
        gallery = Gallery(collection.source, collection.ids, collection.paths, titles, artists)
    else:
        paths = image_files(location)
        gallery = Gallery(open_source(location), tuple(map(printable, paths)), tuple(paths))
    if not len(gallery):
        raise UserError(f"{location} has no images\nname a folder with some, at any depth, with --data, or --gallery")
    return gallery


def image_files(location: Path) -> list[str]:
    """Return the sorted paths of the images of a competition, or of all below any other folder.

    Raises:
        UserError: a folder cannot be read, or `location` is neither a folder nor a zip.
    """
    competition = Competition(location)
    if not os.path.isdir(location) or competition.has_train() or competition.has_test():
        return sorted(competition.image_paths())
    return _files_below(location)


def _files_below(location: Path) -> list[str]:
    """Return the images below a folder, hidden ones left out.

    Each folder is looked at once, under its own path before that of a link to it; a link to a folder that it lies in
    itself is a loop, and is not followed.
    """
    found: list[str] = []
    folders, links, seen = [""], list[str](), set[str]()
    while folders or links:
        place = folders.pop() if folders else links.pop()
        real = os.path.realpath(location / place)
        if real in seen:
            continue
        seen.add(real)
        for name in _names(location / place):
            path = f"{place}{name}"
            whole = location / path
            if os.path.isdir(whole):
                if not os.path.islink(whole):
                    folders.append(f"{path}/")
                elif not Path(real).is_relative_to(os.path.realpath(whole)):
                    links.append(f"{path}/")
            elif PurePosixPath(name).suffix.lower() in SUFFIXES and (os.path.isfile(whole) or os.path.islink(whole)):
                found.append(path)  # a broken link, too: reading it says so
    return sorted(found)


def _names(folder: Path) -> list[str]:
    try:
        names = os.listdir(folder)
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror}\nmend its rights, or name another folder") from error
    # Backwards, because the last is taken first.
    return sorted((name for name in names if not name.startswith(".") and name != _LEFT_OUT), reverse=True)
