"""The pictures of figures: the images that a run was trained on, reduced, one at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from tlk.data.reader import ImageReader
from tlk.errors import UserError
from tlk.workflows.progress import Reporter
from tlk.workflows.trained_images import Data, fingerprint_of, open_data
from tlk.workflows.workspace import Workspace

_SIDE = 240  # pixels of the longer side


@dataclass(frozen=True)
class Pictures:
    """The data's images, and the fingerprint that a run trained on them has."""

    data: Data
    reader: ImageReader
    fingerprint: str

    def fit(self, manifest: dict[str, Any]) -> bool:
        """Return whether a run with this manifest was trained on these images."""
        return bool(manifest["data"].get("fingerprint") == self.fingerprint)

    def of(self, paths: Sequence[str]) -> list[np.ndarray]:
        """Return the `(h, w, 3)` uint8 images at `paths`, reduced.

        Raises:
            UserError: an image cannot be read.
        """
        return list(self.reader.prepared(paths, _reduced))


def open_pictures(workspace: Workspace, reporter: Reporter) -> Pictures | None:
    """Return the data's images; None, which is said, where there are none that can be used."""
    try:
        data = open_data(workspace)
        reader = workspace.reader(data, passes=1)
        return Pictures(data, reader, fingerprint_of(workspace, data, reader))
    except UserError as error:
        reporter.note(f"without pictures: {str(error).splitlines()[0]}")
        return None


def _reduced(image: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(image)
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture)
