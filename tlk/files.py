"""Files are written beside their target and renamed into place: the old one or the new one, never half."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tlk.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; rename it onto `path` when the block ends well, else remove it.

    Raises:
        UserError: the place cannot be written to.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"cannot write {path}: it is not a file\nchoose another name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError as error:
        raise _cannot_write(path, error, "choose another place, or mend this one") from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _cannot_write(path, error, "free some space, or choose another place") from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _cannot_write(path: Path, error: OSError, remedy: str) -> UserError:
    # numpy reports a full disk without an error number, so without `strerror`.
    return UserError(f"cannot write {path}: {error.strerror or error}\n{remedy}")


def _umask() -> int:
    # mkstemp makes files that only their owner can read; results are meant to be shared like any other file.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` whole, in UTF-8 with Unix line ends."""
    with replacing(path) as file:
        file.write(text.encode())


def write_json(path: Path, document: Any) -> None:
    """Write `document` to `path` whole, as indented JSON."""
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def in_bytes(size: float) -> str:
    """Return a size as people read it: `3.2 MiB`."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1023.95:  # what would be rounded to 1,024 is one of the next unit
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
