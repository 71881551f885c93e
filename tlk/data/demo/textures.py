"""Patterns on cloth and coats in the embedded competition: stripes, dots, checks, patches."""

from collections.abc import Callable

import cv2
import numpy as np

from tlk.data.demo.dials import Dials
from tlk.data.demo.shapes import turned

KINDS = ("plain", "plain", "stripes", "dots", "checks", "patches")


def texture(dials: Dials, locate: Callable[[], np.ndarray], random: np.random.Generator) -> np.ndarray | None:
    """Return how much of the second colour shows at each pixel, or None for a plain surface.

    Args:
        dials: the kind, scale, angle and strength of the pattern.
        locate: returns the figure coordinates of every pixel, (h, w, 2), so that the pattern moves with the figure.
        random: where the patches are.

    Returns:
        (h, w) float32 in 0…1.
    """
    kind = dials.word("texture", KINDS)
    scale = dials.number("texture scale", 0.09, 0.3)
    strength = dials.number("texture strength", 0.45, 0.95)
    if kind == "plain":
        return None
    places = locate()
    if kind == "patches":
        height, width = places.shape[:2]
        coarse = random.standard_normal((9, 7)).astype(np.float32)
        return _edge(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 4 - 1.5) * strength
    waves = np.sin(turned(places, dials.number("texture angle", 0, np.pi)) * (np.pi / scale))
    if kind == "stripes":
        return _edge(waves[..., 0] * 4) * strength
    across, down = waves[..., 0], waves[..., 1]
    return _edge((across * down if kind == "checks" else across * down - 0.45) * 6) * strength


def _edge(values: np.ndarray) -> np.ndarray:
    return np.clip(values + 0.5, 0, 1).astype(np.float32)
