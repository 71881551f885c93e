"""How a figure of the embedded competition gets onto the page: where it stands, and as a photograph or a drawing.

Pages are (h, w, 3) float32, RGB, 0…255.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from tlk.constants import IMAGE_HEIGHT, IMAGE_WIDTH
from tlk.data.demo.colours import Palette
from tlk.data.demo.shapes import Part, turned

Medium = Literal["photo", "drawing"]
SUBPIXEL_BITS = 4


@dataclass(frozen=True)
class Placement:
    """Where the figure stands: its middle and the size of one unit in pixels, its tilt in radians."""

    x: float
    y: float
    scale: float
    tilt: float
    flipped: bool

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Return the pixel coordinates of `points` (n, 2) in figure units."""
        aside = (-1, 1) if self.flipped else (1, 1)
        return turned(points, self.tilt) * aside * self.scale + (self.x, self.y)

    def to_figure(self) -> np.ndarray:
        """Return the figure coordinates of every pixel, (h, w, 2)."""
        rows, columns = np.mgrid[:IMAGE_HEIGHT, :IMAGE_WIDTH].astype(np.float32)
        aside = -1 if self.flipped else 1
        return turned(np.stack([(columns - self.x) * aside, rows - self.y], -1) / self.scale, -self.tilt)


@dataclass(frozen=True)
class Hand:
    """How the figure is rendered: `light` (2,) points where the relief brightens, `line` is an outline's width."""

    medium: Medium
    light: np.ndarray
    line: int


def paint(page: np.ndarray, parts: Sequence[Part], palette: Palette, pattern: np.ndarray | None, hand: Hand) -> None:
    """Paint `parts`, whose contours are in pixels, over `page` in place; `pattern` (h, w) is from `texture`."""
    if hand.medium == "photo":
        _cast_shadow(page, parts, hand)
    for part in parts:
        window = _window(part.contour)
        if window is None:
            continue
        corner = (window[1].start, window[0].start)
        inside = _stencil(page[window].shape[:2], part.contour - corner, 0)
        colour = palette[part.role]
        if part.textured and pattern is not None:
            colour = colour + pattern[window][..., None] * (palette["second"] - colour)
        if hand.medium == "photo":
            colour = colour + _relief(inside, hand.light)[..., None]
        page[window] += inside[..., None] * (colour - page[window])
        if hand.medium == "drawing" and part.outlined:
            line = _stencil(inside.shape, part.contour - corner, hand.line)
            page[window] += line[..., None] * (palette["dark"] - page[window])
    np.clip(page, 0, 255, out=page)


def _fixed(contour: np.ndarray) -> np.ndarray:
    return np.round(contour * (1 << SUBPIXEL_BITS)).astype(np.int32)


def _window(contour: np.ndarray) -> tuple[slice, slice] | None:
    # Only the part's own window of the page is worked on: most parts are small.
    left, top = np.clip(np.floor(contour.min(0)).astype(int) - 3, 0, (IMAGE_WIDTH, IMAGE_HEIGHT)).tolist()
    right, bottom = np.clip(np.ceil(contour.max(0)).astype(int) + 4, 0, (IMAGE_WIDTH, IMAGE_HEIGHT)).tolist()
    return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None


def _stencil(shape: tuple[int, ...], contour: np.ndarray, line: int) -> np.ndarray:
    # OpenCV smooths edges on 8-bit images only, hence a stencil; `line` 0 is the filled contour.
    stencil = np.zeros(shape, np.uint8)
    if line:
        cv2.polylines(stencil, [_fixed(contour)], True, 255, line, cv2.LINE_AA, SUBPIXEL_BITS)
    else:
        cv2.fillPoly(stencil, [_fixed(contour)], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return stencil.astype(np.float32) * np.float32(1 / 255)


def _relief(mask: np.ndarray, light: np.ndarray) -> np.ndarray:
    # A pillow: the blurred silhouette slopes at its rims, and slopes that face the light are brighter.
    reach = max(3, min(mask.shape) // 2) | 1
    height = cv2.blur(cv2.blur(mask * np.float32(255), (reach, reach)), (reach, reach))
    across, down = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8)
    return np.asarray((across * np.float32(-light[0]) + down * np.float32(-light[1])) * np.float32(0.35 * reach))


def _cast_shadow(page: np.ndarray, parts: Sequence[Part], hand: Hand) -> None:
    shade = np.zeros(page.shape[:2], np.uint8)
    for part in parts:
        cv2.fillPoly(shade, [_fixed(part.contour - hand.light * 9)], 255, cv2.LINE_8, SUBPIXEL_BITS)
    page *= (1 - cv2.blur(cv2.blur(shade, (15, 15)), (15, 15)).astype(np.float32) * np.float32(0.45 / 255))[..., None]


def photographed(page: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return `page` as a camera sees it: uneven light, a soft lens, grain."""
    rows, columns = np.mgrid[-1 : 1 : IMAGE_HEIGHT * 1j, -1 : 1 : IMAGE_WIDTH * 1j]
    slope = random.uniform(-0.22, 0.22, 2)
    light = (random.uniform(0.85, 1.1) + slope[0] * rows + slope[1] * columns).astype(np.float32)
    page = cv2.GaussianBlur(page * light[..., None], (0, 0), random.uniform(0.4, 1.3))
    grain = random.standard_normal((IMAGE_HEIGHT, IMAGE_WIDTH), dtype=np.float32) * np.float32(random.uniform(2, 9))
    return np.asarray(np.clip(page + grain[..., None], 0, 255))
