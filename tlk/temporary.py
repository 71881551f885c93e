"""Temporary files and folders beside what they become.

Each is owned by its writer, who dies with the lock: so whoever writes into the same folder next can tell what a killed
process has left from what another one is writing now, and removes the former.
"""

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from tlk.locks import abandoned, hold

_NAME = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")
_EVERY = 60.0  # seconds between two looks into one folder, which may hold 100,000 files
_swept: dict[Path, float] = {}


def create(path: Path) -> tuple[BinaryIO, Path]:
    """Return a new file beside `path`, open for writing, and where it lies; owned until it is closed.

    Raises:
        OSError: the folder cannot be written to.
    """
    sweep(path.parent)
    # Not tempfile's, which only their owner can read: results are meant to be shared like any other file.
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
    while True:
        place = _beside(path)
        file = os.fdopen(os.open(place, flags, 0o666), "wb")
        if hold(file.fileno(), place):
            return file, place
        file.close()  # another process took it for a leftover before it was owned


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Give a new folder beside `path`, which goes with all that is in it when the block ends, unless it was renamed.

    Raises:
        OSError: the parent cannot be written to.
    """
    sweep(path.parent)
    while True:
        place = _beside(path)
        place.mkdir()
        try:
            handle = os.open(place, os.O_RDONLY)
        except OSError:  # Windows opens no folder
            handle = None
        if handle is None or hold(handle, place):
            break
        os.close(handle)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def discard(folder: Path) -> None:
    """Remove a folder, its name first: killed in between, no half of it is left under that name.

    Raises:
        OSError: it cannot be renamed or removed.
    """
    aside = _beside(folder)
    try:
        folder.rename(aside)
    except FileNotFoundError:
        return
    if aside.is_symlink():
        aside.unlink()
        return
    shutil.rmtree(aside)


def sweep(folder: Path) -> None:
    """Remove from a folder the temporary files and folders whose writers have died; now and then, not each time."""
    folder, now = folder.absolute(), time.monotonic()
    if now - _swept.get(folder, float("-inf")) < _EVERY:
        return
    _swept[folder] = now
    for path in temporaries(folder):
        remove_abandoned(path)


def temporaries(folder: Path) -> list[Path]:
    """Return the temporary files and folders in a folder, those that are being written, too."""
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if _NAME.fullmatch(entry.name)]
    except OSError:  # there is no such folder
        return []


def remove_abandoned(path: Path) -> None:
    """Remove a temporary file or folder, if its writer has died and the place can be written to."""
    with abandoned(path) as free:
        if free and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif free:
            with suppress(OSError):
                path.unlink()


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
