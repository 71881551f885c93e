"""Locks between processes, where the system has them: elsewhere (Windows) everything is free and nothing waits."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PATIENCE = 0.5  # seconds: whoever only looks whether something is owned has it for a moment
_ABANDONED_SECONDS = 3600  # where nothing can be locked, age tells: no writer needs so long for one file


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of `path`, which is made where it lacks, and wait for whoever holds it now.

    Raises:
        OSError: the file cannot be made, or its file system has no locks.
    """
    with path.open("a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed
        yield


@contextmanager
def owned(path: Path) -> Iterator[bool]:
    """Own the file or folder at `path` until the block ends; False where another process does, or it has gone.

    What is owned may be renamed: it stays owned. Where there are no locks everybody owns everything.
    """
    if fcntl is None:
        yield True
        return
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _take(handle) is not False and is_at(handle, path)
    finally:
        os.close(handle)


def is_in_use(path: Path) -> bool:
    """Return whether a process owns the file or folder at `path`, as far as can be known."""
    if not path.exists():
        return False
    with owned(path) as mine:
        return not mine and path.exists()


@contextmanager
def abandoned(path: Path) -> Iterator[bool]:
    """Say whether no living process owns the temporary file or folder at `path`; until the block ends none can."""
    handle = None
    with suppress(OSError):  # it has gone, or Windows, which opens no folder
        handle = os.open(path, os.O_RDONLY)
    try:
        taken = _take(handle, patience=0) if handle is not None and fcntl is not None else None
        yield _is_old(path) if taken is None else taken
    finally:
        if handle is not None:
            os.close(handle)


def hold(handle: int, path: Path) -> bool:
    """Own the open file or folder `handle` until it is closed; return whether it is still the one at `path`."""
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
    return is_at(handle, path)


def is_at(handle: int, path: Path) -> bool:
    """Return whether the open file or folder `handle` is the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False


def _take(handle: int, patience: float = _PATIENCE) -> bool | None:
    """Return whether the lock could be had; None on a file system without locks."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        except OSError:
            return None


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
    except OSError:  # its owner was ready
        return False
