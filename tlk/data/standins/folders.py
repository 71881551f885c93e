"""A folder that is complete or not there at all, and JPEG files of one kind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from tlk.errors import UserError
from tlk.temporary import temporary_folder

JPEG_QUALITY = 88


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
        with temporary_folder(folder) as drawn:
            yield drawn
            _move(drawn, folder)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}\nfree some space, or choose another place") from error


def _move(drawn: Path, folder: Path) -> None:
    if not folder.exists():
        drawn.rename(folder)
        return
    # An empty folder is kept, as it may be a shell's current one: its content moves in.
    for entry in sorted(drawn.iterdir()):
        entry.rename(folder / entry.name)


def to_jpeg(image: np.ndarray) -> bytes:
    """Return the (h, w, 3) uint8 RGB `image` as a JPEG file."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data.tobytes())
