"""What is in a picture: figures of the embedded competition, put together as portraits, still lifes, landscapes …

A figure is a list of parts in pixels, back to front, with its colours.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tlk.data.demo import creatures, things
from tlk.data.demo.colours import Palette
from tlk.data.demo.dials import Dials
from tlk.data.demo.faces import face
from tlk.data.demo.shapes import Part, turned
from tlk.data.standins.hands import Genre, Hand, figure_palette

Builder = Callable[[Dials], list[Part]]
ANIMALS: tuple[Builder, ...] = (
    creatures.quadruped, creatures.quadruped, creatures.bird, creatures.fish, creatures.butterfly, creatures.octopus,
)  # fmt: skip
ON_TABLES: tuple[Builder, ...] = (things.vessel, things.vessel, things.plant, things.lump)
IN_COUNTRY: tuple[Builder, ...] = (things.plant, things.plant, things.plant, things.house, creatures.quadruped)
IN_TOWN: tuple[Builder, ...] = (things.house, things.house, things.house, things.vehicle, things.plant)
HORIZON: dict[Genre, tuple[float, float]] = {
    "landscape": (0.45, 0.75),
    "cityscape": (0.6, 0.85),
    "still life": (0.55, 0.75),
    "animal painting": (0.5, 0.8),
}


@dataclass(frozen=True)
class Figure:
    """Parts whose contours are in pixels, and the colours of their roles."""

    parts: list[Part]
    palette: Palette


@dataclass(frozen=True)
class Scene:
    """Figures back to front, and the height (share of the picture) where ground or table ends, if it does."""

    figures: list[Figure]
    horizon: float | None


def compose(genre: Genre, hand: Hand, shape: tuple[int, int], random: np.random.Generator) -> Scene:
    """Return what a picture of `shape` (height, width) shows."""
    level = random.uniform(*HORIZON[genre]) if genre in HORIZON else None
    if genre == "portrait":
        return Scene([_figure(face, hand, shape, (random.uniform(0.42, 0.58), 0.46), 0.4, random)], level)
    if genre == "abstract":
        return Scene([_lump(hand, shape, random) for _ in range(random.integers(4, 12))], level)
    builders, count, scale = {
        "animal painting": (ANIMALS, (1, 3), 0.33),
        "still life": (ON_TABLES, (2, 5), 0.29),
        "landscape": (IN_COUNTRY, (2, 6), 0.25),
        "cityscape": (IN_TOWN, (3, 6), 0.27),
    }[genre]
    number = int(random.integers(*count))
    places = (np.arange(number) + random.uniform(0.2, 0.8, number)) / number
    figures = []
    for x in random.permutation(places).tolist():
        builder = builders[random.integers(len(builders))]
        y = (level or 0.5) - scale * random.uniform(-0.1, 0.6)
        figures.append(_figure(builder, hand, shape, (x, y), scale, random))
    return Scene(figures, level)


def put(parts: list[Part], middle: tuple[float, float], scale: float, tilt: float, flipped: bool) -> list[Part]:
    """Return `parts` in pixels: around `middle`, one figure unit `scale` pixels long, turned, mirrored."""
    aside = (-1, 1) if flipped else (1, 1)
    return [replace(part, contour=turned(part.contour, tilt) * aside * scale + middle) for part in parts]


def _figure(
    builder: Builder, hand: Hand, shape: tuple[int, int], at: tuple[float, float], scale: float,
    random: np.random.Generator,
) -> Figure:  # fmt: skip
    dials = Dials({}, random, random, jitter=0.0, slip=0.0)
    size = scale * hand.size * min(shape) * random.uniform(0.8, 1.2)
    middle = (at[0] * shape[1], at[1] * shape[0])
    parts = put(builder(dials), middle, size, random.normal(0, 0.06), bool(random.random() < 0.5))
    return Figure(parts, figure_palette(hand, random))


def _lump(hand: Hand, shape: tuple[int, int], random: np.random.Generator) -> Figure:
    outline = things.lump(Dials({}, random, random, jitter=0.0, slip=0.0))[:1]
    middle = tuple(random.uniform((0, 0), (shape[1], shape[0])).tolist())
    size = hand.size * min(shape) * random.uniform(0.1, 0.4)
    return Figure(put(outline, middle, size, random.uniform(0, 6), False), figure_palette(hand, random))
