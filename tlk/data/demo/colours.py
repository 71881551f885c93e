"""Colours of the embedded competition: a pair's palette, and the shifts that one picture of it may suffer.

Colours are RGB, 0…255, float32.
"""

import colorsys
from typing import Literal

import cv2
import numpy as np

from tlk.data.demo.dials import Dials
from tlk.data.demo.shapes import Role

Palette = dict[Role, np.ndarray]
Shift = Literal["none", "hue", "brightness", "grey"]
HAIR = {  # hue, saturation, value
    "black": (0.07, 0.3, 0.12),
    "brown": (0.07, 0.6, 0.35),
    "blond": (0.12, 0.55, 0.88),
    "ginger": (0.06, 0.8, 0.72),
    "white": (0.1, 0.06, 0.9),
}


def rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    """Return the colour (3,) of a hue on the circle 0…1, a saturation and a value in 0…1."""
    return 255 * np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value), dtype=np.float32)


def face_palette(dials: Dials) -> Palette:
    """Return the colours of a face: natural skin and hair mostly, those of puppets and monsters otherwise."""
    palette = object_palette(dials)
    if dials.chance("natural skin", 0.65):
        palette["main"] = rgb(
            dials.number("skin hue", 0.02, 0.10), dials.number("skin depth", 0.2, 0.6), dials.number("skin", 0.4, 1.0)
        )
    if dials.chance("natural hair", 0.8):
        hue, saturation, value = HAIR[dials.word("hair colour", tuple(HAIR))]
        palette["second"] = rgb(hue, saturation, value * dials.number("hair light", 0.8, 1.1))
    if dials.chance("red lips", 0.6):
        palette["accent"] = rgb(0.98, dials.number("lips depth", 0.4, 0.9), dials.number("lips light", 0.45, 0.9))
    return palette


def object_palette(dials: Dials) -> Palette:
    """Return the colours of an animal or a thing: three hues that differ, and nearly white and black."""
    hue = dials.number("hue", 0, 1)
    step = dials.number("hue step", 0.08, 0.5)
    value = dials.number("value", 0.3, 1.0)
    return {
        "main": rgb(hue, dials.number("saturation", 0.1, 0.9), value),
        "second": rgb(hue + step, dials.number("second saturation", 0.2, 0.9), dials.number("second value", 0.2, 0.95)),
        "third": rgb(hue - step, dials.number("third saturation", 0.1, 0.9), dials.number("third value", 0.15, 0.95)),
        "accent": rgb(hue + 0.5, dials.number("accent saturation", 0.5, 1.0), dials.number("accent value", 0.4, 1.0)),
        "light": rgb(hue, 0.06, 0.96),
        "dark": rgb(hue + 0.5, 0.3, 0.13),
    }


def shift(image: np.ndarray, kind: Shift, random: np.random.Generator) -> np.ndarray:
    """Return `image` (h, w, 3) with its hues turned, its brightness changed, or in tinted grey."""
    if kind == "hue":
        hsv = cv2.cvtColor(image / 255, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0] + random.choice([-1, 1]) * random.uniform(30, 100)) % 360
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)) * 255
    if kind == "brightness":
        dark = random.random() < 0.5
        gamma = random.uniform(1.5, 2.1) if dark else random.uniform(0.45, 0.65)
        return np.asarray(255 * (image / 255) ** np.float32(gamma))
    if kind == "grey":
        tint = rgb(0.1, random.choice([0.0, 0.0, 0.3]), 1.0)
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] * tint / 255)
    return image
