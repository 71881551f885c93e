"""Files and folders are written beside their target and renamed into place: the old one or the new, never half."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from tlk.errors import UserError
from tlk.temporary import create, temporary_folder


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; rename it onto `path` when the block ends well, else remove it.

    Raises:
        UserError: the place cannot be written to.
    """
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"cannot write {path}: it is not a file\nchoose another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        file, temporary = create(path)
    except OSError as error:
        raise _cannot_write(path, error, "choose another place, or mend this one") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if os.name != "nt":  # owned until it has its name; Windows renames no open file
                temporary.replace(path)
        if os.name == "nt":
            temporary.replace(path)
    except OSError as error:
        raise _cannot_write(path, error, "free some space, or choose another place") from error
    finally:
        with suppress(OSError):  # it has its name now, or its folder has become one that is only read
            temporary.unlink()


@contextmanager
def filling(folder: Path) -> Iterator[Path]:
    """Give a new folder to fill; move what is in it to `folder` when the block ends well, else remove it.

    Raises:
        UserError: `folder` has something in it, or cannot be written to.
    """
    folder = folder.resolve()
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} exists and is not an empty folder\nchoose another one, or remove it first")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder) as filled:
            yield filled
            _move(filled, folder)
    except OSError as error:
        raise _cannot_write(folder, error, "free some space, or choose another place") from error


def _move(filled: Path, folder: Path) -> None:
    if not folder.exists():
        filled.rename(folder)
        return
    # An empty folder is kept, as it may be a shell's current one: its content moves in.
    for entry in sorted(filled.iterdir()):
        entry.rename(folder / entry.name)


def require_folder(folder: Path, remedy: str) -> None:
    """Raise a UserError if nothing could be written into `folder`, or it could not be made, as far as can be known."""
    whole = folder.absolute()
    there = next(place for place in (whole, *whole.parents) if os.path.exists(place))  # the root always
    if not there.is_dir():
        raise UserError(f"cannot write into {folder}: {there} is not a folder\n{remedy}")
    if not os.access(there, os.W_OK | os.X_OK):
        why = "read-only file system" if _is_read_only(there) else "permission denied"
        raise UserError(f"cannot write into {folder}: {there} cannot be written to, {why}\n{remedy}")


def _is_read_only(folder: Path) -> bool:
    return hasattr(os, "statvfs") and bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _cannot_write(path: Path, error: OSError, remedy: str) -> UserError:
    # numpy reports a full disk without an error number, so without `strerror`.
    return UserError(f"cannot write {path}: {error.strerror or error}\n{remedy}")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` whole, in UTF-8 with Unix line ends."""
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, document: Any) -> None:
    """Write `document` to `path` whole, as indented JSON."""
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the document in `path`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not UTF-8, not JSON, or nested too deep.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def in_bytes(size: float) -> str:
    """Return a size as people read it: `3.2 MiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1023.95:  # what would be rounded to 1,024 is one of the next unit
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
