"""Faces of the embedded competition: head, hair, eyes, mouth and what people wear, set by dials."""

import numpy as np

from tlk.data.demo.dials import Dials
from tlk.data.demo.hair import HAIR, beard, hair_above, hair_behind
from tlk.data.demo.shapes import Part, Role, ellipse, mirrored, polygon, rounded, smooth, stroke

EARS = ("round", "round", "round", "pointed", "cat", "bear")
NOSES = ("long", "round", "flat", "snout")
EYEWEAR = ("none", "none", "none", "round", "square", "sunglasses")
HATS = ("none", "none", "none", "none", "cap", "top hat", "band")


def face(dials: Dials) -> list[Part]:
    """Return the parts of a head and shoulders, back to front."""
    across = dials.number("head width", 0.40, 0.60)
    down = dials.number("head height", 0.52, 0.70)
    head = _head(dials, across, down)
    turn = dials.number("turn", -0.13, 0.13)
    hair = dials.word("hair", HAIR)
    return [
        *hair_behind(dials, hair, across, down),
        *_shoulders(dials, down),
        *_ears(dials, across, down),
        Part(head, "main"),
        *beard(dials, head, across, down, turn),
        *hair_above(dials, hair, head, across, down),
        *_eyes(dials, across, turn),
        *_nose(dials, turn),
        *_mouth(dials, across, turn),
        *_hat(dials, across, down),
    ]


def _head(dials: Dials, across: float, down: float) -> np.ndarray:
    head = rounded(0, 0, across, down, dials.number("square head", 0, 0.45))
    below = np.clip(head[:, 1] / down, 0, 1)
    head[:, 0] *= 1 - dials.number("narrow jaw", -0.1, 0.5) * below**2
    return head


def _shoulders(dials: Dials, down: float) -> list[Part]:
    wide = dials.number("shoulders", 0.65, 1.15)
    top = down + dials.number("neck", 0.02, 0.2)
    throat = dials.number("neck width", 0.16, 0.3)
    body = smooth(
        [
            (0, top + 0.05),
            (throat, top),
            (wide, top + 0.25),
            (wide * 1.1, 2.0),
            (-wide * 1.1, 2.0),
            (-wide, top + 0.25),
            (-throat, top),
        ]
    )
    parts = [
        Part(polygon((-throat, 0.2), (throat, 0.2), (throat, top + 0.1), (-throat, top + 0.1)), "main"),
        Part(body, "third", textured=True),
    ]
    collar = dials.word("collar", ("none", "shirt", "v"))
    if collar != "none":
        role: Role = "light" if collar == "shirt" else "main"
        parts.append(Part(polygon((-throat, top), (throat, top), (0, top + 0.45)), role))
    if collar == "shirt":
        parts.append(Part(polygon((-0.05, top + 0.1), (0.05, top + 0.1), (0.09, 1.5), (-0.09, 1.5)), "accent"))
    return parts


def _ears(dials: Dials, across: float, down: float) -> list[Part]:
    size = dials.number("ear size", 0.09, 0.24)
    kind = dials.word("ears", EARS)
    if kind == "cat":
        ear = polygon((across * 0.35, -down * 0.8), (across * 1.05, -down - size * 2), (across * 0.95, -down * 0.4))
    elif kind == "bear":
        ear = ellipse(across * 0.8, -down * 0.85, size * 1.1, size * 1.1)
    elif kind == "pointed":
        ear = smooth([(across * 0.9, -0.1), (across + size * 2.2, -0.3 - size), (across * 0.9, 0.14)])
    else:
        ear = ellipse(across * 0.98, 0, size * 0.75, size * 1.1)
    return [Part(ear, "main"), Part(mirrored(ear), "main")]


def _eyes(dials: Dials, across: float, turn: float) -> list[Part]:
    apart = across * dials.number("eye gap", 0.34, 0.56)
    wide, high = dials.number("eye width", 0.07, 0.17), dials.number("eye height", 0.04, 0.15)
    y = dials.number("eye level", -0.16, 0.02)
    gaze = turn * 0.3
    slant = dials.number("slant", -0.35, 0.35)
    brow = dials.number("brow", 0.015, 0.06)
    lift = y - high - dials.number("brow lift", 0.05, 0.12)
    tilt = dials.number("brow tilt", -0.09, 0.09)
    parts = []
    for side in (-1, 1):
        x = side * apart + turn
        parts += [
            Part(ellipse(x, y, wide, high, side * slant), "light"),
            Part(ellipse(x + gaze, y, high * 0.7, high * 0.8), "accent", outlined=False),
            Part(ellipse(x + gaze, y, high * 0.38, high * 0.45), "dark", outlined=False),
            Part(
                stroke(
                    [(x - side * wide, lift + tilt), (x, lift - 0.03), (x + side * wide * 1.2, lift - tilt)],
                    brow,
                    brow * 0.5,
                ),
                "dark",
                outlined=False,
            ),
        ]
    return parts + _eyewear(dials.word("eyewear", EYEWEAR), apart, wide, y, turn)


def _eyewear(kind: str, apart: float, wide: float, y: float, turn: float) -> list[Part]:
    if kind == "none":
        return []
    parts = [Part(stroke([(turn - apart, y), (turn + apart, y)], 0.018, 0.018), "dark", outlined=False)]
    size = min(wide * 1.45, apart * 0.85)
    for x in (turn - apart, turn + apart):
        rim = rounded(x, y, size, size * 0.85, 0.7 if kind == "square" else 0.0)
        if kind == "sunglasses":
            parts.append(Part(rim, "dark"))
        else:
            loop = np.concatenate([rim, rim[:1]])
            inner = (loop - (x, y)) * 0.84 + (x, y)
            parts.append(Part(np.concatenate([loop, inner[::-1]]), "dark", outlined=False))
    return parts


def _nose(dials: Dials, turn: float) -> list[Part]:
    kind = dials.word("nose", NOSES)
    wide, end = dials.number("nose width", 0.05, 0.13), dials.number("nose end", 0.08, 0.22)
    tip = turn * 1.5
    if kind == "snout":
        return [
            Part(ellipse(tip, end + 0.12, wide * 2.6, 0.2), "light"),
            Part(ellipse(tip, end, wide * 1.1, wide * 0.75), "dark"),
        ]
    if kind == "round":
        return [Part(ellipse(tip, end - 0.03, wide * 1.2, wide * 1.2), "main")]
    if kind == "flat":
        return [Part(ellipse(tip + side * wide * 0.5, end, 0.025, 0.02), "dark", outlined=False) for side in (-1, 1)]
    return [Part(polygon((turn * 0.8, -0.1), (tip + wide, end), (tip - wide, end)), "main")]


def _mouth(dials: Dials, across: float, turn: float) -> list[Part]:
    half = across * dials.number("mouth width", 0.22, 0.55)
    y = dials.number("mouth level", 0.30, 0.40)
    smile = dials.number("smile", -0.09, 0.12)
    thick = dials.number("lips", 0.015, 0.06)
    x = turn * 1.1
    if dials.chance("open mouth", 0.4):
        gape = dials.number("gape", 0.06, 0.2)
        lips = smooth([(x - half, y - smile * 0.5), (x, y - 0.03), (x + half, y - smile * 0.5), (x, y + gape)])
        teeth = smooth([(x - half * 0.7, y), (x, y - 0.01), (x + half * 0.7, y), (x, y + gape * 0.35)])
        return [Part(lips, "accent"), Part(teeth, "light", outlined=False)]
    return [
        Part(
            smooth([(x - half, y - smile), (x, y - thick), (x + half, y - smile), (x, y + thick + smile * 0.6)]),
            "accent",
        )
    ]


def _hat(dials: Dials, across: float, down: float) -> list[Part]:
    kind = dials.word("hat", HATS)
    if kind == "none":
        return []
    wide, brim = across * 1.12, -down * dials.number("brim", 0.5, 0.75)
    if kind == "band":
        return [
            Part(
                polygon((-wide, brim - 0.1), (wide, brim - 0.1), (wide, brim + 0.05), (-wide, brim + 0.05)),
                "third",
                textured=True,
            )
        ]
    top = -down * dials.number("hat height", 1.15, 1.6)
    if kind == "top hat":
        crown = polygon((-wide * 0.8, brim), (-wide * 0.85, top), (wide * 0.85, top), (wide * 0.8, brim))
        return [Part(crown, "third", textured=True), Part(ellipse(0, brim, wide * 1.4, 0.09), "third")]
    crown = smooth([(-wide, brim), (-wide * 0.8, top * 0.9), (0, top * 0.95), (wide * 0.8, top * 0.9), (wide, brim)])
    return [Part(crown, "third", textured=True), Part(ellipse(wide * 0.4, brim, wide * 0.9, 0.08), "accent")]
