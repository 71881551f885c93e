"""A data set's files, whether they lie in a folder or still in the downloaded zip."""

import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from tlk.data.zips import read_entry
from tlk.errors import UserError

# No image or table of a competition comes near this; a file or an entry of a zip that has more is a mistake or a trap.
MAX_FILE_BYTES = 256 * 1024 * 1024


class Source(Protocol):
    """Read access to a tree of files; paths are relative, with forward slashes."""

    location: Path
    name: str

    def read(self, path: str) -> bytes:
        """Return the content of the file at `path`."""

    def exists(self, path: str) -> bool:
        """Return whether there is a file at `path`."""

    def files(self, folder: str) -> list[str]:
        """Return the sorted names of the files directly in `folder`, hidden ones left out."""


class FolderSource:
    """Files in a folder on disk.

    Symbolic links are followed wherever they lead, as people keep pictures on several disks; what they lead to is only
    ever read. The names of tables and ids lead nowhere else: they are looked up among the names in the folder.
    """

    def __init__(self, location: Path) -> None:
        self.location = location
        self.name = data_name(location)

    def read(self, path: str) -> bytes:
        """Return the content of the file at `path`.

        Raises:
            UserError: there is no such file, or it cannot be read.
        """
        place = self.location / path
        try:
            known = place.stat()
            if not stat.S_ISREG(known.st_mode):  # a pipe would never end
                raise UserError(f"cannot read {place}: it is not a file\nput the file there, or take its id out")
            if known.st_size > MAX_FILE_BYTES:
                raise UserError(f"cannot read {place}: it has {known.st_size:,} bytes, the limit is {MAX_FILE_BYTES:,}")
            return place.read_bytes()
        except OSError as error:
            raise UserError(f"cannot read {place}: {error.strerror}\ncheck the file and its rights") from error

    def exists(self, path: str) -> bool:
        """Return whether there is a file at `path`."""
        return os.path.isfile(self.location / path)  # unlike pathlib's, False for whatever cannot be looked at

    def files(self, folder: str) -> list[str]:
        """Return the sorted names of the files directly in `folder`; none where there is no such folder.

        Raises:
            UserError: the folder cannot be read.
        """
        place = self.location / folder
        if not os.path.isdir(place):
            return []
        try:
            return sorted(entry.name for entry in place.iterdir() if not entry.name.startswith(".") and entry.is_file())
        except OSError as error:
            raise UserError(f"cannot read {place}: {error.strerror}\ncheck the folder's rights") from error


class ZipSource:
    """Files in a zip, read in place: nothing is unpacked, so no entry can land anywhere; a link is only its bytes."""

    def __init__(self, location: Path) -> None:
        self.location = location
        self.name = data_name(location)
        try:
            self._zip = zipfile.ZipFile(location)
            self._entries = {_written(info): info for info in self._zip.infolist() if not _written(info).endswith("/")}
        except Exception as error:  # a damaged directory makes zipfile trip over more than BadZipFile
            remedy = "download it again, or give the unpacked folder"
            raise UserError(f"cannot open {location}: {error}\n{remedy}") from error
        self._prefix = self._find_prefix()
        self._folders: dict[str, list[str]] = {}
        for name in self._names():
            path = PurePosixPath(name)
            self._folders.setdefault(str(path.parent), []).append(path.name)

    def _find_prefix(self) -> str:
        """Return the folder inside the zip that holds the CSVs: often the data lie one level down."""
        tables = [name for name in self._entries if PurePosixPath(name).name in ("train.csv", "test_candidates.csv")]
        tables = [name for name in tables if not name.startswith("__MACOSX")]
        if not tables:
            return ""
        parent = PurePosixPath(min(tables, key=lambda name: (name.count("/"), name))).parent
        return "" if str(parent) == "." else f"{parent}/"

    def _names(self) -> Iterator[str]:
        return (name.removeprefix(self._prefix) for name in self._entries if name.startswith(self._prefix))

    def read(self, path: str) -> bytes:
        """Return the content of the entry at `path`.

        Raises:
            UserError: there is no such entry, it is damaged, encrypted, or larger than any such file should be.
        """
        info = self._entries.get(self._prefix + path)
        if info is None:
            raise UserError(f"cannot read {self.location}/{path}: no such entry in the zip\ndownload it again")
        try:
            return read_entry(self._zip, info, MAX_FILE_BYTES)
        except Exception as error:  # zipfile and zlib each raise their own
            why = str(error) or "it is cut off"
            raise UserError(f"cannot read {self.location}/{path}: {why}\ndownload the zip again") from error

    def exists(self, path: str) -> bool:
        """Return whether there is an entry at `path`."""
        return self._prefix + path in self._entries

    def files(self, folder: str) -> list[str]:
        """Return the sorted names of the entries directly in `folder`."""
        return sorted(name for name in self._folders.get(folder, []) if not name.startswith("."))


def _written(info: zipfile.ZipInfo) -> str:
    """Return an entry's path with forward slashes, which Windows' own Compress-Archive did not always write."""
    return info.filename.replace("\\", "/")


def data_name(location: Path) -> str:
    """Return what folds and manifests call the data at `location`: the folder's name, or the zip's without ending."""
    resolved = location.resolve()
    return resolved.stem if resolved.suffix.lower() == ".zip" and not resolved.is_dir() else resolved.name


def open_source(location: Path) -> Source:
    """Open a folder or a zip.

    Raises:
        UserError: there is neither at `location`.
    """
    if os.path.isdir(location):
        return FolderSource(location)
    if os.path.isfile(location) and location.suffix.lower() == ".zip":
        return ZipSource(location)
    what = "is neither a folder nor a .zip" if os.path.exists(location) else "does not exist"
    raise UserError(f"data {location} {what}\nname the data with --data or TLK_DATA, or draw some: tlk data demo data")
