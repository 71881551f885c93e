"""Oriented gradients and colours as maps, finely spaced, for a network that learns what to make of them.

Source: Dalal and Triggs, *Histograms of Oriented Gradients for Human Detection*, 2005: the cells, their interpolated
orientations, and the contrast of the neighbourhood taken out.
"""

import cv2
import numpy as np
from skimage.color import rgb2lab

from tlk.constants import GRADIENT_MAPS

_CELL = 4  # pixels
_ORIENTATIONS = GRADIENT_MAPS[0] - 4  # the rest: strength, lightness and two colours
_LEAST = 0.1  # added to a neighbourhood's strength, so that flat regions stay flat; brightnesses are square roots
_LARGEST = 0.6  # share of its neighbourhood that one orientation can have
_SCALE = 4.0  # gives shares the spread of the other maps


def gradient_maps(image: np.ndarray) -> np.ndarray:
    """Return `GRADIENT_MAPS`, laid out flat, of an `(h, w, 3)` uint8 image squashed to a square."""
    cells = GRADIENT_MAPS[1]
    small = cv2.resize(image, (cells * _CELL, cells * _CELL), interpolation=cv2.INTER_AREA)
    strengths = _oriented(np.sqrt(small.astype(np.float32)))
    strength = np.sqrt(cv2.boxFilter((strengths**2).sum(axis=0), -1, (3, 3), borderType=cv2.BORDER_REPLICATE))
    shares = np.minimum(strengths / (strength + _LEAST), _LARGEST) * _SCALE
    lab = rgb2lab(cv2.resize(image, (cells, cells), interpolation=cv2.INTER_AREA))
    colours = (lab - np.array([50, 0, 0])) / np.array([25, 15, 15])
    return np.concatenate([shares, np.log1p(strength)[None], colours.transpose(2, 0, 1)]).ravel()


def _oriented(picture: np.ndarray) -> np.ndarray:
    """Return the `(orientations, cells, cells)` mean strength of the gradients of an `(s, s, 3)` float32 picture.

    A pixel's gradient is that of its strongest colour, shared between the two orientations next to it.
    """
    across, down = (
        cv2.Sobel(picture, cv2.CV_32F, dx, 1 - dx, ksize=1, borderType=cv2.BORDER_REPLICATE) for dx in (1, 0)
    )
    strongest = (across**2 + down**2).argmax(axis=2)[..., None]
    across, down = (np.take_along_axis(part, strongest, axis=2)[..., 0] for part in (across, down))
    strength = np.hypot(across, down)
    turn = np.arctan2(down, across) % np.pi / np.pi * _ORIENTATIONS
    lower = np.floor(turn).astype(np.int64)
    share = turn - lower
    rows, columns = np.indices(strength.shape)
    found = np.zeros((_ORIENTATIONS, *strength.shape), np.float32)
    found[lower % _ORIENTATIONS, rows, columns] += strength * (1 - share)
    found[(lower + 1) % _ORIENTATIONS, rows, columns] += strength * share
    side = len(picture) // _CELL
    return np.asarray(found.reshape(-1, side, _CELL, side, _CELL).mean(axis=(2, 4)))
