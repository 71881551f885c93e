"""Faces: how many an image has, as a view of one number."""

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage.data import lbp_frontal_face_cascade_filename
from skimage.feature import Cascade

from tlk.data.images import DECODER
from tlk.embeddings.views import View

# Every picture is brought to this longest side, that of the competition's own; a face takes a fifth of it or more.
# Smaller windows cost four times as much and find faces in any texture.
_SIDE = 245
_SMALLEST_FACE = 48
# Windows grow by a tenth; what fewer than four of them agree on is chance, and of two faces little may overlap.
_SEARCH: dict[str, float] = {
    "scale_factor": 1.1,
    "step_ratio": 1.0,
    "min_neighbor_number": 4,
    "intersection_score_threshold": 0.3,
}


class FaceDetector:
    """Counts frontal faces with a cascade of local binary patterns (Viola and Jones, 2001; Liao et al., 2007)."""

    batch_size = 64
    parallel = 1
    places: tuple[int, ...] = (0,)

    def __init__(self) -> None:
        self._cascade = Cascade(lbp_frontal_face_cascade_filename())  # only read from here on: one for all threads
        self.identity = hashlib.blake2b(Path(__file__).read_bytes()).hexdigest()
        search = f"longest side {_SIDE}, face from {_SMALLEST_FACE}, {_SEARCH}"
        libraries = f"scikit-image {version('scikit-image')}, OpenCV {cv2.__version__}, numpy {np.__version__}"
        made_from = (("code", self.identity), ("decoder", DECODER), ("libraries", libraries), ("search", search))
        self.views: tuple[View, ...] = (View("faces", made_from),)

    def prepare(self, image: np.ndarray) -> int:
        """Return the number of faces in one `(h, w, 3)` uint8 image; the search lets other threads run."""
        scaled = _scaled(image)
        largest = min(scaled.shape[:2])
        smallest = (_SMALLEST_FACE, _SMALLEST_FACE)
        found = self._cascade.detect_multi_scale(scaled, min_size=smallest, max_size=(largest, largest), **_SEARCH)
        return len(found)

    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        """Return one `(b, 1)` float32 array."""
        return [np.array(prepared, np.float32).reshape(-1, 1)]


def _scaled(image: np.ndarray) -> np.ndarray:
    """Return the image with its longest side `_SIDE`."""
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    if scale == 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))
