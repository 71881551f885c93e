"""Pictures too flat, too small or too regular for keypoints: near-duplicates are those whose thumbnails agree."""

from collections.abc import Iterator

import cv2
import numpy as np

SIDE = 12
# Root mean squared difference in levels of 0…255, over all cells and channels. Among 7,000 photographs and drawings,
# the two most alike of the unrelated ones differ by 17 levels.
_LARGEST_DIFFERENCE = 10.0
_LARGEST_SHARE = 0.25  # of the contrast of the flatter image
_ENCODING_NOISE = 1.5  # of constant images, re-encoded
_ROWS = 1024  # thumbnails compared with as many at a time


def draw_thumbnail(image: np.ndarray) -> np.ndarray:
    """Reduce `(h, w, 3)` uint8 to `(SIDE, SIDE, 3)` uint8, each cell the mean of what it covers."""
    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def alike_pairs(thumbnails: np.ndarray) -> Iterator[tuple[int, int, bool]]:
    """Yield `(first, second, mirrored)`, first < second, of the `(n, SIDE, SIDE, 3)` uint8 thumbnails that agree."""
    count = len(thumbnails)
    bounds = _largest_differences(thumbnails)
    for start in range(0, count, _ROWS):
        block = thumbnails[start : start + _ROWS]
        for mirrored in (False, True):
            queries = _centred(block[:, :, ::-1] if mirrored else block)
            for later in range(start, count, _ROWS):
                differences = _differences(queries, _centred(thumbnails[later : later + _ROWS]))
                limits = np.minimum(bounds[start : start + _ROWS, None], bounds[None, later : later + _ROWS])
                for row, column in zip(*np.nonzero(differences <= limits), strict=True):
                    if start + row < later + column:
                        yield int(start + row), int(later + column), mirrored


def _largest_differences(thumbnails: np.ndarray) -> np.ndarray:
    """Return for each image, `(n,)`, how far another thumbnail may be from its own."""
    contrast = np.array([float(np.sqrt(thumbnail.var(axis=(0, 1)).mean())) for thumbnail in thumbnails])
    return np.clip(_LARGEST_SHARE * contrast, _ENCODING_NOISE, _LARGEST_DIFFERENCE)


def _centred(thumbnails: np.ndarray) -> np.ndarray:
    return thumbnails.reshape(len(thumbnails), SIDE * SIDE * 3).astype(np.float32) - 128  # smaller sums round less


def _differences(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return np.asarray(np.sqrt(np.maximum(squares, 0) / first.shape[1]))
