"""Sitters: people who are painted, etched and drawn several times, by several hands, in several poses."""

from dataclasses import dataclass, field, replace
from typing import Literal

import cv2
import numpy as np

from tlk.data.demo.colours import face_palette, rgb
from tlk.data.demo.dials import Dials
from tlk.data.demo.faces import face
from tlk.data.demo.pairs import JITTER, SLIP
from tlk.data.standins.canvas import paint
from tlk.data.standins.hands import Hand, tinted, varied
from tlk.data.standins.names import FAMILIES, MEN, WOMEN
from tlk.data.standins.subjects import Figure, Scene, put
from tlk.seeding import generator

Technique = Literal["Painting", "Print", "Drawing"]
TURNS = {"left": 0.0, "front": 0.5, "right": 1.0}  # positions of the dial, before the picture is mirrored
SITTERS = 2 * len(MEN) * len(FAMILIES)  # whose names all differ, as both lengths have no common factor
MIRRORED = {"left": "right", "front": "front", "right": "left"}
SOBER = {
    "ears": 0.2,
    "eyewear": 0.3,
    "nose": 0.1,
    "open mouth": 0.9,
    "natural skin": 0.3,
}  # positions that all sitters share
WOMENS_HAIR, MENS_HAIR = (0.35, 0.45, 0.85, 0.95), (0.05, 0.15, 0.25, 0.55)  # positions within HAIR


@dataclass
class Sitter:
    """A person: the name, and the dial positions that all portraits share, some drawn when first needed."""

    name: str
    female: bool
    common: np.random.Generator
    causes: dict[str, float] = field(default_factory=dict)


def draw_sitter(seed: int, number: int) -> Sitter:
    """Return one of the SITTERS there are: the even ones men, the first George Example."""
    random = generator(seed, "sitter", number)
    female, place = bool(number % 2), number // 2
    given = (WOMEN if female else MEN)[place % len(MEN)]
    name = f"{given} {FAMILIES[place % len(FAMILIES)]}"
    causes = {**SOBER, "hair": float(random.choice(WOMENS_HAIR if female else MENS_HAIR))}
    causes["nose"] = random.uniform(0, 0.7)
    if female:
        causes["beard"] = 0.0
    return Sitter(name, female, random, causes)


def draw_portrait(sitter: Sitter, hand: Hand, random: np.random.Generator) -> tuple[np.ndarray, str]:
    """Return a portrait, (h, w, 3) uint8 RGB, and the pose as cataloguers word it: `bust facing left`."""
    height = int(random.integers(260, 321))
    width = int(height * random.uniform(0.72, 0.92))
    turn = str(random.choice(list(TURNS)))
    flipped = bool(random.random() < 0.4)
    sitter.causes["turn"] = TURNS[turn]
    dials = Dials(sitter.causes, sitter.common, random, JITTER, SLIP)
    close = bool(random.random() < 0.25)
    scale = width * (0.58 if close else random.uniform(0.34, 0.46))
    facing = MIRRORED[turn] if flipped else turn
    aside = 0.05 * (TURNS["front"] - TURNS[facing])  # there is more room before a face than behind it
    middle = (width * (0.5 + aside + random.normal(0, 0.02)), height * random.uniform(0.42, 0.5))
    lean = 0.24 * (TURNS[turn] - TURNS["front"]) + random.normal(0, 0.03)
    parts = put(face(dials), middle, scale, lean, flipped)
    today = varied(hand, random)
    today = replace(today, dab_length=today.dab_length * 0.5, dab_width=today.dab_width * 0.6)  # people are done finely
    figure = Figure(parts, tinted(face_palette(dials), today, random))
    pose = f"{'head' if close else 'bust'} facing {facing}"
    return paint(Scene([figure], None), today, (height, width), random), pose


def in_technique(image: np.ndarray, technique: Technique, random: np.random.Generator) -> np.ndarray:
    """Return `image` (h, w, 3) as it is, hatched as an etching, or in chalk on tinted paper."""
    if technique == "Painting":
        return image
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    grey = (0.5 * grey + 0.5 * cv2.equalizeHist(grey)).astype(np.float32) / 255
    grey = np.asarray(0.15 + 0.85 * grey ** np.float32(0.6))  # paper does most of the work
    ink = _hatched(grey, random) if technique == "Print" else _chalked(grey, random)
    paper = rgb(0.1, random.uniform(0.05, 0.3), random.uniform(0.75, 0.97))
    pigment = rgb(random.uniform(0, 0.1), random.uniform(0, 0.6), random.uniform(0.05, 0.3))
    return np.asarray(np.clip(paper + ink[..., None] * (pigment - paper), 0, 255).astype(np.uint8))


def _hatched(grey: np.ndarray, random: np.random.Generator) -> np.ndarray:
    rows, columns = (np.arange(side, dtype=np.float32) for side in grey.shape)
    first, pitch = random.uniform(0, np.pi), random.uniform(1.4, 2.0)
    ink = np.zeros_like(grey)
    for angle, reach in ((first, 0.8), (first + random.uniform(0.7, 1.4), 0.5)):  # shadows are hatched twice
        across = columns * np.float32(np.cos(angle) * pitch) + (rows * np.float32(np.sin(angle) * pitch))[:, None]
        ink += np.clip((reach - grey) * 1.6 + 0.35 * np.sin(across) - 0.1, 0, 1) * (grey < reach)
    return np.asarray(np.minimum(ink, 1))


def _chalked(grey: np.ndarray, random: np.random.Generator) -> np.ndarray:
    edges = np.abs(grey - cv2.blur(grey, (5, 5))) * np.float32(5)
    grain = random.random(grey.shape, dtype=np.float32)
    return np.asarray(np.clip(edges + (0.8 - grey) * grain * np.float32(0.9), 0, 1))


def another_view(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the same picture photographed again: nearer, in another light."""
    height, width = image.shape[:2]
    share = random.uniform(0.72, 0.9)
    top, left = ((1 - share) * random.random(2) * (height, width)).astype(int).tolist()
    near = image[top : top + int(height * share), left : left + int(width * share)]
    warmth = random.uniform(0.85, 1.12, 3).astype(np.float32)
    return np.asarray(np.clip(near * warmth, 0, 255).astype(np.uint8))
