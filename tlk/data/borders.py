"""Bars and margins: what frames a picture and is no part of it."""

import numpy as np

_BLACK = 24  # of 255: as bright as bars are after JPEG
_WHITE = 235
_SHARE = 0.98  # of a row's or a column's pixels, for a speck of noise
_LEAST = 0.3  # of a side is left: a picture that is black almost everywhere is not all frame


def trim_borders(image: np.ndarray) -> np.ndarray:
    """Return a view of an `(h, w, 3)` uint8 image without black bars and white margins at its edges."""
    dark, bright = image.max(axis=2) <= _BLACK, image.min(axis=2) >= _WHITE
    rows = (dark.mean(axis=1) >= _SHARE) | (bright.mean(axis=1) >= _SHARE)
    columns = (dark.mean(axis=0) >= _SHARE) | (bright.mean(axis=0) >= _SHARE)
    return image[_inner(rows), _inner(columns)]


def _inner(frame: np.ndarray) -> slice:
    """Return what lies between the framing lines at either end; everything, if that would be too little."""
    inside = np.flatnonzero(~frame)
    if not len(inside) or inside[-1] + 1 - inside[0] < _LEAST * len(frame):
        return slice(None)
    return slice(int(inside[0]), int(inside[-1]) + 1)
