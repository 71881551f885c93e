"""Painter by Numbers where it was downloaded to: images and tables read inside their zips, or in unpacked folders."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tlk.data.source import FolderSource, Source, ZipSource
from tlk.errors import UserError

REPLACEMENTS = "replacements_for_corrupted_files"
_IMAGES = re.compile(r"train(_[^.]+)?|test")  # train_info.csv.zip is none of them


class Archive:
    """One zip or folder of images; `paths` maps each file's bare name to its path inside."""

    def __init__(self, source: Source, paths: Iterable[str]) -> None:
        self.source = source
        self.name = source.location.name
        self.paths: dict[str, str] = {}
        for path in paths:
            name = path.rpartition("/")[2]
            if not name.startswith(".") and not path.startswith("__MACOSX/"):
                self.paths.setdefault(name, path)


@dataclass(frozen=True)
class Found:
    """Where an image lies: `path` inside `archive`. In the order of `place` the disk is read from front to back."""

    archive: Archive
    path: str
    place: tuple[int, int]
    is_replacement: bool

    def read(self) -> bytes:
        """Return the file's content.

        Raises:
            UserError: the entry is damaged, encrypted, or larger than any such file should be.
        """
        return self.archive.source.read(self.path)


class Archives:
    """The archives of images in one folder: `train_1.zip` to `train_9.zip`, `train.zip`, `test.zip`, the replacements.

    Where there is no such zip, a folder of its name without the ending is taken. Entries are found by their bare names,
    in whatever folder of the zip they are, and only ever read: nothing is unpacked.

    Raises:
        UserError: there is none of them, or one cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        archives = [_open_archive(path) for path in _locations(folder)]
        if not archives:
            raise UserError(
                f"{folder} has neither train_1.zip … nor test.zip, nor folders of these names\n"
                "name the folder where the competition's files were downloaded to"
            )
        self._found: dict[str, Found] = {}
        for number, archive in enumerate(archives):
            is_replacement = _name(archive.source.location) == REPLACEMENTS
            for at, (name, path) in enumerate(archive.paths.items()):
                if is_replacement or name not in self._found:
                    self._found[name] = Found(archive, path, (number, at), is_replacement)

    def find(self, filename: str) -> Found | None:
        """Return where the image called `filename` lies, its replacement if there is one; None if it is nowhere."""
        return self._found.get(filename)


def _locations(folder: Path) -> list[Path]:
    """Return the zips and folders of images in `folder`, the replacements last."""
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise UserError(f"cannot read {folder}: {error.strerror}\ncheck --archives") from error
    zips = {_name(path): path for path in found if path.suffix.lower() == ".zip" and path.is_file()}
    chosen = {path.name: path for path in found if path.is_dir()} | zips
    names = [name for name in chosen if _IMAGES.fullmatch(name)] + [name for name in chosen if name == REPLACEMENTS]
    return [chosen[name] for name in names]


def _name(location: Path) -> str:
    return location.stem if location.suffix.lower() == ".zip" else location.name


class _ListedZip(ZipSource):
    def paths(self) -> list[str]:
        return list(self._names())


def _open_archive(location: Path) -> Archive:
    if location.is_dir():
        return Archive(FolderSource(location), _files_below(location))
    source = _ListedZip(location)
    return Archive(source, source.paths())


def _files_below(folder: Path) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        below = Path(place).relative_to(folder).as_posix()
        yield from (name if below == "." else f"{below}/{name}" for name in sorted(names))
