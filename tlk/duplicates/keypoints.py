"""SIFT keypoints, kept on disk: 300 of each of 100,000 images are 4 GB, more than a laptop has memory to spare.

Source: Lowe, *Distinctive Image Features from Scale-Invariant Keypoints*, 2004.
"""

import tempfile
from typing import Self

import cv2
import numpy as np

# Larger images are reduced to this. Near-duplicates keep enough keypoints, and finding them costs half of what it costs
# at 245 pixels.
LONGEST_SIDE = 192
STRONGEST = 300
_SMALLEST_SIDE = 16  # below this there is no octave to search

KEYPOINT = np.dtype([("descriptor", np.uint8, 128), ("x", np.float32), ("y", np.float32)])

# The mirror image's descriptor without the mirror image: the rows of the 4 × 4 cells swap, the 8 directions turn the
# other way.
MIRROR = np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].ravel()


def reduce_image(grey: np.ndarray) -> np.ndarray:
    """Reduce `(h, w)` until its longer side is at most `LONGEST_SIDE`."""
    height, width = grey.shape
    scale = LONGEST_SIDE / max(height, width)
    if scale >= 1:
        return grey
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))


def detect_keypoints(grey: np.ndarray) -> np.ndarray:
    """Return the strongest keypoints of `(h, w)` uint8 as `(k,)` records of `KEYPOINT`, k ≤ `STRONGEST`."""
    if min(grey.shape) < _SMALLEST_SIDE:
        return np.empty(0, KEYPOINT)
    places, descriptors = cv2.SIFT.create(nfeatures=STRONGEST).detectAndCompute(grey, None)
    records = np.empty(min(len(places), STRONGEST), KEYPOINT)  # ties at the last place may bring a few more
    if len(records):
        records["descriptor"] = descriptors[: len(records)]  # whole numbers from 0 to 255, only their type is float
        records["x"], records["y"] = np.array([place.pt for place in places[: len(records)]]).T
    return records


def mirror_keypoints(keypoints: np.ndarray, width: int) -> np.ndarray:
    """Return the `(k,)` keypoints that the mirror image has, `width` being the image's."""
    mirrored = keypoints.copy()
    mirrored["descriptor"] = keypoints["descriptor"][:, MIRROR]
    mirrored["x"] = width - 1 - keypoints["x"]
    return mirrored


class KeypointFile:
    """The keypoints of many images in a temporary file: written one image after another, then read in any order.

    `widths` holds each image's width.
    """

    def __init__(self) -> None:
        """Open an empty file, which is gone once closed."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed on exit)
        self._starts = [0]
        self.widths: list[int] = []

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Close the file, which removes it."""
        self._file.close()

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.widths)

    def __getitem__(self, image: int) -> np.ndarray:
        """Return the `(k,)` keypoints of `image`."""
        return self.read(self._starts[image], self._starts[image + 1])

    def append(self, keypoints: np.ndarray, width: int) -> None:
        """Add the next image's keypoints."""
        self._file.seek(0, 2)
        self._file.write(keypoints.tobytes())
        self._starts.append(self._starts[-1] + len(keypoints))
        self.widths.append(width)

    @property
    def counts(self) -> np.ndarray:
        """The `(n,)` numbers of keypoints."""
        return np.diff(self._starts)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return keypoints `start` to `stop` of all images' taken together."""
        self._file.seek(start * KEYPOINT.itemsize)
        return np.frombuffer(self._file.read(max(0, stop - start) * KEYPOINT.itemsize), KEYPOINT)
