"""An artist's hand: what all paintings of one artist share, drawn once from a seed, and varied a little in each."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tlk.data.demo.colours import Palette, rgb
from tlk.seeding import generator

Genre = Literal["portrait", "animal painting", "still life", "landscape", "cityscape", "abstract"]
GENRES: tuple[Genre, ...] = ("portrait", "animal painting", "still life", "landscape", "cityscape", "abstract")
EARTH = (0.02, 0.06, 0.09, 0.12, 0.56, 0.6)  # most palettes hold pigments that most artists had
MOOD = 0.25  # how often a painting has hues and a key that are not its artist's
OUT_OF_GENRE = 0.25


@dataclass(frozen=True)
class Hand:
    """How an artist paints. Lengths are shares of the picture's short side, angles are in radians.

    `hues` on the circle 0…1, the first the dearest; `low` and `high` bound the values (lightness) used; `ground` is the
    primed canvas, of which `glaze` shines through everything; `line` 0 is a hand that draws no outlines; `dabs` strokes
    cover a unit square of the short side; `streaks` and `weave` are the strength of bristle marks and canvas.
    """

    hues: tuple[float, ...]
    saturation: float
    low: float
    high: float
    ground: tuple[float, float, float]
    glaze: float
    line: float
    dabs: float
    dab_length: float
    dab_width: float
    dab_angle: float
    dab_spread: float
    streaks: float
    weave: float
    relief: float
    light: float
    size: float
    genres: tuple[Genre, ...]

    def colour(self, rank: int, depth: float, value: float) -> np.ndarray:
        """Return the colour (3,) of hue number `rank`, `depth` and `value` in 0…1 of what this hand uses."""
        hue = self.hues[rank % len(self.hues)]
        return rgb(hue, min(self.saturation * (0.4 + depth), 1.0), self.low + (self.high - self.low) * value)

    def canvas(self) -> np.ndarray:
        """Return the colour (3,) of the ground."""
        return rgb(*self.ground)


def draw_hand(seed: int, artist: int) -> Hand:
    """Return the hand of an artist by number."""
    random = generator(seed, "hand", artist)
    first = float(random.choice(EARTH)) if random.random() < 0.6 else float(random.random())
    step = random.uniform(0.04, 0.5)
    low = random.uniform(0.05, 0.35)
    favourites = random.permutation(len(GENRES))[: random.integers(1, 4)]
    return Hand(
        hues=(first, (first + step) % 1, (first + random.choice([-1, 1]) * step * 0.5) % 1, 0.08),
        saturation=random.uniform(0.12, 0.75),
        low=low,
        high=low + random.uniform(0.4, 0.95 - low),
        ground=(float(random.choice(EARTH)), random.uniform(0.05, 0.5), random.uniform(0.25, 0.95)),
        glaze=random.uniform(0.0, 0.25),
        line=max(0.0, random.uniform(-0.012, 0.014)),
        dabs=random.choice([0.0, random.uniform(100, 900)], p=[0.25, 0.75]),
        dab_length=random.uniform(0.01, 0.1),
        dab_width=random.uniform(0.006, 0.024),
        dab_angle=random.uniform(0, np.pi),
        dab_spread=random.uniform(0.05, 1.2),
        streaks=random.uniform(0.0, 0.12),
        weave=max(0.0, random.uniform(-0.08, 0.1)),
        relief=random.uniform(0.0, 1.0),
        light=random.uniform(np.pi, 2 * np.pi),  # never from below
        size=random.uniform(0.7, 1.25),
        genres=tuple(GENRES[i] for i in favourites),
    )


def varied(hand: Hand, random: np.random.Generator) -> Hand:
    """Return the hand as it was on the day of one painting."""
    hues, saturation, shift = hand.hues, hand.saturation, random.normal(0, 0.04)
    if random.random() < MOOD:
        first = random.random()
        hues = (first, (first + random.uniform(0.1, 0.5)) % 1, *hues[2:])
        saturation, shift = random.uniform(0.1, 0.8), random.normal(0, 0.12)
    low = float(np.clip(hand.low + shift, 0.02, 0.5))
    return replace(
        hand,
        hues=tuple(float((hue + random.normal(0, 0.025)) % 1) for hue in hues),
        saturation=float(np.clip(saturation * random.lognormal(0, 0.2), 0.05, 0.95)),
        low=low,
        high=float(np.clip(hand.high + shift, low + 0.25, 1.0)),
        dabs=hand.dabs * random.lognormal(0, 0.2),
        dab_length=hand.dab_length * random.lognormal(0, 0.15),
        dab_width=hand.dab_width * random.lognormal(0, 0.15),
        dab_angle=hand.dab_angle + random.normal(0, 0.25),
        streaks=hand.streaks * random.lognormal(0, 0.2),
        light=hand.light + random.normal(0, 0.4),
        size=hand.size * random.lognormal(0, 0.12),
    )


def any_genre(hand: Hand, random: np.random.Generator) -> Genre:
    """Return what to paint next: mostly what this hand likes."""
    choice = GENRES if random.random() < OUT_OF_GENRE else hand.genres
    return choice[random.integers(len(choice))]


def figure_palette(hand: Hand, random: np.random.Generator) -> Palette:
    """Return the colours of one figure, of this hand's hues."""
    first, second, third = random.permutation(3).tolist()
    return {
        "main": hand.colour(first, random.random(), random.uniform(0.3, 0.9)),
        "second": hand.colour(second, random.random(), random.uniform(0.1, 0.8)),
        "third": hand.colour(third, random.random(), random.uniform(0.1, 0.8)),
        "accent": hand.colour(second, 0.9, random.uniform(0.5, 1.0)),
        "light": hand.colour(3, 0.0, 1.0),
        "dark": hand.colour(third, 0.4, 0.0),
    }


def tinted(palette: Palette, hand: Hand, random: np.random.Generator) -> Palette:
    """Return a sitter's own `palette` as this hand sees it: half way to its own colours."""
    own = figure_palette(hand, random)
    share = {"main": 0.25, "second": 0.35, "third": 0.7}
    return {role: colour + share.get(role, 0.6) * (own[role] - colour) for role, colour in palette.items()}
