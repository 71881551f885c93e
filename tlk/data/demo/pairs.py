"""One pair of the embedded competition: hidden causes that both pictures share, and all in which they differ."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tlk.constants import IMAGE_HEIGHT, IMAGE_WIDTH
from tlk.data.demo import backgrounds, creatures, things
from tlk.data.demo.colours import Shift, face_palette, object_palette, shift
from tlk.data.demo.dials import Dials
from tlk.data.demo.faces import face
from tlk.data.demo.painting import Hand, Medium, Placement, paint, photographed
from tlk.data.demo.shapes import Part
from tlk.data.demo.textures import texture
from tlk.seeding import generator

Side = Literal["left", "right"]
OBJECTS: dict[str, Callable[[Dials], list[Part]]] = {
    "quadruped": creatures.quadruped,
    "bird": creatures.bird,
    "fish": creatures.fish,
    "butterfly": creatures.butterfly,
    "octopus": creatures.octopus,
    "vessel": things.vessel,
    "plant": things.plant,
    "house": things.house,
    "vehicle": things.vehicle,
    "lump": things.lump,
}
JITTER = 0.08
SLIP = 0.06
WOBBLE = 0.022


@dataclass(frozen=True)
class Stratum:
    """How the two pictures of a pair differ: the columns of `train_strata.csv` after the ids."""

    kind: Literal["face", "object"]
    family: str
    left_medium: Medium
    right_medium: Medium
    flipped: bool
    scaled_down: Literal["none", "left", "right"]
    cluttered: Literal["none", "left", "right", "both"]
    colour_shift: Shift
    shifted: Literal["none", "left", "right"]


def draw_pair(seed: int, half: str, index: int) -> tuple[np.ndarray, np.ndarray, Stratum]:
    """Return the left and right picture, (h, w, 3) uint8 RGB each, of pair `index` of `half`, and its stratum."""
    stratum = _draw_stratum(generator(seed, half, index, "stratum"))
    causes: dict[str, float] = {}
    common = generator(seed, half, index, "causes")
    left = _draw_side(stratum, "left", causes, common, generator(seed, half, index, "left"))
    right = _draw_side(stratum, "right", causes, common, generator(seed, half, index, "right"))
    return left, right, stratum


def _draw_stratum(random: np.random.Generator) -> Stratum:
    is_face = random.random() < 0.5
    family = "face" if is_face else str(random.choice(list(OBJECTS)))
    media: tuple[Medium, Medium] = ("photo", "drawing")
    sides: tuple[Side, Side] = ("left", "right")
    left_medium, right_medium = (media[int(random.random() < 0.5)] for _ in range(2))
    some_side = sides[random.integers(2)]
    clutter = random.random()
    shift_kind: Shift = random.choice(["hue", "brightness", "grey"]) if random.random() < 0.3 else "none"
    return Stratum(
        kind="face" if is_face else "object",
        family=family,
        left_medium=left_medium,
        right_medium=right_medium,
        flipped=bool(random.random() < 0.45),
        scaled_down=some_side if random.random() < 0.16 else "none",
        cluttered="both" if clutter < 0.08 else sides[int(clutter < 0.24)] if clutter < 0.4 else "none",
        colour_shift=shift_kind,
        shifted="none" if shift_kind == "none" else sides[random.integers(2)],
    )


def _draw_side(
    stratum: Stratum, side: Side, causes: dict[str, float], common: np.random.Generator, own: np.random.Generator
) -> np.ndarray:
    dials = Dials(causes, common, own, JITTER, SLIP)
    build = face if stratum.kind == "face" else OBJECTS[stratum.family]
    palette = face_palette(dials) if stratum.kind == "face" else object_palette(dials)
    place = _place(stratum, side, dials, own)
    parts = [replace(part, contour=place.to_pixels(part.contour)) for part in _wobbled(build(dials), own)]
    hand = _hand(stratum.left_medium if side == "left" else stratum.right_medium, own)
    page = _ground(stratum, side, hand.medium, own)
    paint(page, parts, palette, texture(dials, place.to_figure, own), hand)
    if stratum.shifted == side:
        page = shift(page, stratum.colour_shift, own)
    if hand.medium == "photo":
        page = photographed(page, own)
    return np.round(page).astype(np.uint8)


def _place(stratum: Stratum, side: Side, dials: Dials, own: np.random.Generator) -> Placement:
    is_face = stratum.kind == "face"
    x, y = dials.number("across", -18, 18), dials.number("down", -14, 14)
    scale = dials.number("size", 82, 122) if is_face else dials.number("size", 76, 104)
    scale *= own.uniform(0.88, 1.1)
    tilt = dials.number("tilt", -0.3, 0.3)
    if stratum.scaled_down == side:
        scale *= own.uniform(0.55, 0.75)
        x, y = own.uniform((-24, -28), (24, 28))
    middle = IMAGE_HEIGHT * (0.47 if is_face else 0.5)
    flipped = stratum.flipped and side == "right"
    return Placement(IMAGE_WIDTH / 2 + (-x if flipped else x), middle + y, scale, tilt, flipped)


def _wobbled(parts: list[Part], own: np.random.Generator) -> list[Part]:
    # One smooth warp bends the whole figure, so that parts stay where they belong while no contour is a copy.
    waves, phases = own.normal(0, 3.0, (2, 3, 2)), own.uniform(0, 2 * np.pi, (2, 3))
    push = own.normal(0, WOBBLE, (2, 3))
    bent = []
    for part in parts:
        swing = np.sin(np.einsum("nc,akc->nak", part.contour, waves) + phases)
        bent.append(replace(part, contour=part.contour + (swing * push).sum(2)))
    return bent


def _hand(medium: Medium, own: np.random.Generator) -> Hand:
    angle = own.uniform(0, 2 * np.pi)
    light = np.array([np.cos(angle), -abs(np.sin(angle))])  # never from below
    return Hand(medium, light, int(own.integers(1, 4)))


def _ground(stratum: Stratum, side: Side, medium: Medium, own: np.random.Generator) -> np.ndarray:
    if stratum.scaled_down == side:
        return backgrounds.plain(own)
    page = backgrounds.scenery(own) if medium == "photo" else backgrounds.paper(own)
    if stratum.cluttered in (side, "both"):
        page = backgrounds.clutter(page, own, blur=5 if medium == "photo" else 3)
    return page
