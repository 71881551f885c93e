"""What is behind a figure in the embedded competition: each picture of a pair has its own."""

import cv2
import numpy as np

from tlk.constants import IMAGE_HEIGHT, IMAGE_WIDTH
from tlk.data.demo.colours import rgb


def plain(random: np.random.Generator) -> np.ndarray:
    """Return a white, black or coloured page, (h, w, 3) float32."""
    colours = (rgb(0, 0, 1), rgb(0, 0, 1), rgb(0, 0, 0.03), _any(random, 0.8))
    return _filled(colours[random.integers(len(colours))])


def paper(random: np.random.Generator) -> np.ndarray:
    """Return a drawing's ground: white, cream or a flat colour, perhaps with a second one below."""
    colours = (rgb(0, 0, 1), rgb(0.11, 0.12, 0.97), _any(random, 0.7), _any(random, 0.7), _any(random, 0.95))
    page = _filled(colours[random.integers(len(colours))])
    if random.random() < 0.35:
        page[int(IMAGE_HEIGHT * random.uniform(0.5, 0.85)) :] = _any(random, 0.7)
    return page


def scenery(random: np.random.Generator) -> np.ndarray:
    """Return a photograph's ground: a gradient between two colours with something out of focus in it."""
    start, end = _any(random, 0.8), _any(random, 0.8)
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[-1 : 1 : IMAGE_HEIGHT * 1j, -1 : 1 : IMAGE_WIDTH * 1j]
    slope = ((np.cos(angle) * columns + np.sin(angle) * rows) * 0.35 + 0.5).astype(np.float32)[..., None]
    page = start * (1 - slope) + end * slope
    for _ in range(random.integers(2, 6)):
        centre = tuple(int(n) for n in random.uniform((0, 0), (IMAGE_WIDTH, IMAGE_HEIGHT)))
        cv2.circle(page, centre, int(random.uniform(15, 60)), _any(random, 0.7).tolist(), -1)
    return np.asarray(cv2.blur(cv2.blur(page, (31, 31)), (31, 31)))


def clutter(page: np.ndarray, random: np.random.Generator, blur: int) -> np.ndarray:
    """Return `page` strewn with shapes that have nothing to do with the figure; `blur` is odd, in pixels."""
    page = page.copy()
    for _ in range(random.integers(9, 20)):
        colour = _any(random, 0.9).tolist()
        centre = random.uniform((0, 0), (IMAGE_WIDTH, IMAGE_HEIGHT))
        size = random.uniform(8, 45)
        kind = random.integers(3)
        if kind == 0:
            cv2.circle(page, tuple(int(n) for n in centre), int(size * 0.7), colour, -1, cv2.LINE_AA)
        elif kind == 1:
            corners = centre + random.uniform(-size, size, (random.integers(3, 6), 2))
            hull = cv2.convexHull(corners.astype(np.float32)).astype(np.int32)
            cv2.fillPoly(page, [hull], colour, cv2.LINE_AA)
        else:
            end = centre + random.uniform(-2.5, 2.5, 2) * size
            ends = [tuple(int(n) for n in point) for point in (centre, end)]
            cv2.line(page, ends[0], ends[1], colour, int(random.uniform(2, 12)), cv2.LINE_AA)
    return np.asarray(cv2.blur(page, (blur, blur)))


def _any(random: np.random.Generator, saturation: float) -> np.ndarray:
    return rgb(random.random(), random.uniform(0, saturation), random.uniform(0.15, 1.0))


def _filled(colour: np.ndarray) -> np.ndarray:
    return np.tile(colour, (IMAGE_HEIGHT, IMAGE_WIDTH, 1))
