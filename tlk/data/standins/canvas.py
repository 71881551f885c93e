"""How a scene becomes a painting by one hand: flat colours, light, dabs of the brush, bristles, canvas.

Pages are (h, w, 3) uint8 RGB until the last step, so that OpenCV smooths the edges of what it fills.
"""

import cv2
import numpy as np

from tlk.data.standins.hands import Genre, Hand, any_genre, varied
from tlk.data.standins.subjects import Figure, Scene, compose

SUBPIXEL_BITS = 4
SIDES = (200, 320)


def draw_painting(hand: Hand, random: np.random.Generator) -> tuple[np.ndarray, Genre]:
    """Return another painting by `hand`, (h, w, 3) uint8 RGB, and what it is."""
    genre = any_genre(hand, random)
    today = varied(hand, random)
    height, width = random.integers(SIDES[0], SIDES[1] + 1, 2).tolist()
    if genre == "portrait":
        height, width = max(height, width), min(height, width)
    scene = compose(genre, today, (height, width), random)
    return paint(scene, today, (height, width), random), genre


def paint(scene: Scene, hand: Hand, shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Return `scene` painted by `hand`, (h, w, 3) uint8 RGB, `shape` being (h, w)."""
    page = _backdrop(scene.horizon, hand, shape, random)
    solid = np.zeros(shape, np.uint8)
    for figure in scene.figures:
        _fill(page, solid, figure, hand, random)
    page = _dabbed(_lit(page, solid, hand), hand, random)
    return _finished(page, hand, random)


def _backdrop(horizon: float | None, hand: Hand, shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    height, width = shape
    top = hand.colour(int(random.integers(3)), random.random(), random.uniform(0.4, 1.0))
    bottom = hand.colour(0, random.random(), random.uniform(0.1, 0.8))
    top, bottom = (0.7 * colour + 0.3 * hand.canvas() for colour in (top, bottom))
    slope = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    page = np.tile(top + slope * (bottom - top) * random.uniform(0.0, 0.7), (1, width, 1))
    if horizon is not None:
        land = hand.colour(int(random.integers(3)), random.random(), random.uniform(0.2, 0.7))
        edge = horizon + random.normal(0, 0.012, 5)
        points = [(i * width / 4, level * height) for i, level in enumerate(edge)]
        outline = np.array([*points, (width, height), (0, height)], np.int32)
        cv2.fillPoly(page, [outline], land.tolist())
    return page.astype(np.uint8)


def _fill(page: np.ndarray, solid: np.ndarray, figure: Figure, hand: Hand, random: np.random.Generator) -> None:
    line = max(1, round(hand.line * min(solid.shape))) if hand.line else 0
    dark = figure.palette["dark"].tolist()
    for part in figure.parts:
        outline = [np.round(part.contour * (1 << SUBPIXEL_BITS)).astype(np.int32)]
        colour = np.clip(figure.palette[part.role] + random.normal(0, 5), 0, 255).tolist()
        cv2.fillPoly(page, outline, colour, cv2.LINE_AA, SUBPIXEL_BITS)
        cv2.fillPoly(solid, outline, 255, cv2.LINE_8, SUBPIXEL_BITS)
        if line and part.outlined:
            cv2.polylines(page, outline, True, dark, line, cv2.LINE_AA, SUBPIXEL_BITS)


def _lit(page: np.ndarray, solid: np.ndarray, hand: Hand) -> np.ndarray:
    # The blurred silhouette is a hill whose slopes are bright where they face the light.
    reach = (min(solid.shape) // 4) | 1
    hill = cv2.blur(cv2.blur(solid, (reach, reach)), (reach, reach)).astype(np.float32)
    across, down = cv2.Sobel(hill, cv2.CV_32F, 1, 0), cv2.Sobel(hill, cv2.CV_32F, 0, 1)
    facing = -(across * np.float32(np.cos(hand.light)) + down * np.float32(np.sin(hand.light)))
    shade = 1 + np.float32(0.0006 * hand.relief * reach) * facing
    return np.asarray(np.clip(page * np.clip(shade, 0.5, 1.4)[..., None], 0, 255).astype(np.uint8))


def _dabbed(page: np.ndarray, hand: Hand, random: np.random.Generator) -> np.ndarray:
    height, width = page.shape[:2]
    short = min(height, width)
    count = int(hand.dabs * height * width / short**2)
    if not count:
        return page
    seen = cv2.blur(page, (3, 3))
    places = random.uniform((0, 0), (width - 1, height - 1), (count, 2))
    colours = seen[places[:, 1].astype(int), places[:, 0].astype(int)] + random.normal(0, 11, (count, 1))
    colours += random.normal(0, 4, (count, 3))
    angles = hand.dab_angle + hand.dab_spread * random.standard_normal(count)
    half = (
        hand.dab_length * short * random.uniform(0.25, 0.75, (count, 1)) * np.stack([np.cos(angles), np.sin(angles)], 1)
    )
    start, end = ((places + sign * half).round().astype(int).tolist() for sign in (-1, 1))
    thick = max(1, round(hand.dab_width * short))
    for one, other, colour in zip(start, end, np.clip(colours, 0, 255).tolist(), strict=True):
        cv2.line(page, one, other, colour, thick)
    return page


def _finished(page: np.ndarray, hand: Hand, random: np.random.Generator) -> np.ndarray:
    height, width = page.shape[:2]
    bristles = _bristles(hand, (height, width), random)
    page = _combed(page, bristles, hand)
    cloth = np.ones((height, width), np.float32) + np.float32(hand.streaks) * bristles
    if hand.weave:
        threads = [np.sin(np.arange(side, dtype=np.float32) * np.float32(1.9)) for side in (height, width)]
        cloth += np.float32(hand.weave) * threads[0][:, None] * threads[1]
    ground = hand.canvas() * np.float32(hand.glaze)
    done = page.astype(np.float32) * (cloth * np.float32(1 - hand.glaze))[..., None] + ground
    return np.asarray(np.clip(done, 0, 255).round().astype(np.uint8))


def _bristles(hand: Hand, shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Return noise (h, w) of deviation near 1 that is drawn out along the brush."""
    height, width = shape
    noise = random.standard_normal((height, width), dtype=np.float32)
    long = 4 + 2.0 * hand.dab_length * min(shape)
    cos, sin = np.cos(hand.dab_angle), np.sin(hand.dab_angle)
    squeeze = np.array([[cos / long, sin / long], [-sin, cos]]) / 1.3
    middle = np.array([width / 2, height / 2])
    affine = np.concatenate([squeeze, (middle - squeeze @ middle)[:, None]], 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(noise, affine, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP)) * 1.4


def _combed(page: np.ndarray, bristles: np.ndarray, hand: Hand) -> np.ndarray:
    # Bristles drag colour along: every pixel comes from a little up or down the stroke.
    height, width = bristles.shape
    drag = bristles * np.float32(hand.streaks * 14)
    columns = np.arange(width, dtype=np.float32) + drag * np.float32(np.cos(hand.dab_angle))
    rows = np.arange(height, dtype=np.float32)[:, None] + drag * np.float32(np.sin(hand.dab_angle))
    return np.asarray(cv2.remap(page, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))
