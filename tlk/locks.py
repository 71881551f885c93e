"""Locks between processes, where the system has them: elsewhere (Windows) everything is free and nothing waits."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


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
def in_use(path: Path) -> Iterator[None]:
    """Let others see, by `is_in_use`, that the file at `path` is being used; several processes may at once."""
    if fcntl is None:  # a file that is open cannot be removed on Windows
        yield
        return
    with path.open("rb") as file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield


def is_in_use(path: Path) -> bool:
    """Return whether a process uses the file at `path`, as far as can be known."""
    if fcntl is None or not path.is_file():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks
            return False
    return False
