"""The two pictures that are explained: by ids of the data, or any files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.data.images import decode_image
from tlk.workflows.pair_images import find_images


@dataclass(frozen=True)
class Picture:
    """A picture, `(h, w, 3)` uint8, as the user has named it, and its path, in the data or absolute."""

    name: str
    path: str
    pixels: np.ndarray


def find_pair(data: Path, left: str, right: str) -> tuple[Picture, Picture]:
    """Return the two pictures; an id of the data comes before a file of that name, a left image before a right one.

    Raises:
        UserError: a name is neither an id nor a file that can be decoded.
    """
    found = find_images(data, (left, right))
    one, other = (
        Picture(name, path, decode_image(found.content(which), name))
        for which, (name, path) in enumerate(zip(found.names, found.paths, strict=True))
    )
    return one, other
