"""Animals of the embedded competition: each family is a function from dials to parts, back to front."""

import numpy as np

from tlk.data.demo.dials import Dials
from tlk.data.demo.shapes import Part, Role, ellipse, mirrored, polygon, smooth, stroke


def quadruped(dials: Dials) -> list[Part]:
    """Return a dog, horse, pig or nothing known, seen from the side."""
    long, thick = dials.number("body length", 0.45, 0.72), dials.number("body thickness", 0.18, 0.42)
    leg, foot = dials.number("leg length", 0.2, 0.7), dials.number("leg thickness", 0.05, 0.12)
    size = dials.number("head size", 0.15, 0.32)
    x, y = long * 0.95 + dials.number("neck forward", 0, 0.15), -thick * 0.4 - dials.number("neck up", 0, 0.55)
    snout = dials.number("snout", 0.05, 0.3)
    lift = dials.number("tail lift", -0.6, 0.3)
    ground = thick * 0.6 + leg
    legs: list[Part] = []
    stance: tuple[tuple[float, Role], ...] = ((-0.6, "second"), (0.85, "second"), (-0.85, "main"), (0.6, "main"))
    for at, colour in stance:
        legs.append(Part(stroke([(at * long, thick * 0.3), (at * long, ground)], foot * 1.3, foot), colour))
    return [
        Part(stroke([(-long * 0.9, -0.1), (-long - 0.2, lift * 0.5 - 0.1), (-long - 0.3, lift)], 0.07, 0.03), "second"),
        *legs,
        Part(stroke([(long * 0.6, 0), (x, y)], thick * 0.7, size * 0.7), "main"),
        Part(ellipse(0, 0, long, thick), "main", textured=True),
        Part(ellipse(x, y, size, size * 0.85), "main"),
        Part(ellipse(x + size * 0.7 + snout * 0.4, y + size * 0.25, snout * 0.6 + size * 0.3, size * 0.45), "light"),
        _ear(dials, x, y, size),
        Part(ellipse(x + size * 0.25, y - size * 0.2, size * 0.14, size * 0.16), "dark"),
    ]


def _ear(dials: Dials, x: float, y: float, size: float) -> Part:
    length = dials.number("ear length", 0.5, 1.6) * size
    if dials.chance("hanging ears", 0.5):
        return Part(ellipse(x - size * 0.5, y + length * 0.25, size * 0.3, length * 0.7, 0.2), "second")
    return Part(
        polygon(
            (x - size * 0.8, y - size * 0.4),
            (x - size * 0.5, y - size * 0.5 - length),
            (x + size * 0.1, y - size * 0.7),
        ),
        "second",
    )


def bird(dials: Dials) -> list[Part]:
    """Return a bird that stands or sits, seen from the side."""
    fat, tall = dials.number("belly", 0.22, 0.48), dials.number("height", 0.36, 0.58)
    lean = dials.number("lean", 0.0, 0.7)
    size, neck = dials.number("head size", 0.15, 0.28), dials.number("neck", 0.0, 0.5)
    x, y = 0.1 + lean * 0.45, -tall * 0.8 - neck
    beak, leg = dials.number("beak", 0.12, 0.5), dials.number("legs", 0.15, 0.6)
    tail = dials.number("tail", 0.2, 0.6)
    wing = dials.number("wing", 0.25, 0.5)
    return [
        *(
            Part(
                stroke([(at, tall * 0.5), (at, tall * 0.8 + leg), (at + 0.15, tall * 0.8 + leg)], 0.035, 0.03), "accent"
            )
            for at in (-0.1, 0.12)
        ),
        Part(
            polygon((-fat * 0.6, 0), (-fat - tail, tall * 0.5 - 0.1), (-fat - tail * 0.8, tall * 0.5 + 0.18)), "second"
        ),
        Part(stroke([(0.1, -tall * 0.3), (x, y)], fat * 0.5, size * 0.7), "main"),
        Part(ellipse(0, 0, fat, tall, lean), "main", textured=True),
        Part(ellipse(-fat * 0.25, 0, wing * 0.6, wing * 1.1, lean + 0.4), "second"),
        Part(
            polygon(
                (x + size * 0.6, y - size * 0.4), (x + size * 0.8 + beak, y + 0.08), (x + size * 0.6, y + size * 0.45)
            ),
            "accent",
        ),
        Part(ellipse(x, y, size, size), "main"),
        *_crest(dials, x, y - size),
        Part(ellipse(x + size * 0.35, y - size * 0.15, size * 0.24, size * 0.24), "light"),
        Part(ellipse(x + size * 0.4, y - size * 0.15, size * 0.12, size * 0.13), "dark"),
    ]


def _crest(dials: Dials, x: float, y: float) -> list[Part]:
    if not dials.chance("crest", 0.4):
        return []
    high = dials.number("crest height", 0.12, 0.35)
    return [
        Part(
            smooth([(x + 0.1, y + 0.05), (x, y - high), (x - 0.12, y), (x - 0.2, y - high * 0.6), (x - 0.18, y + 0.1)]),
            "accent",
        )
    ]


def fish(dials: Dials) -> list[Part]:
    """Return a fish, from needle to moon, seen from the side."""
    long, high = dials.number("length", 0.5, 0.78), dials.number("height", 0.2, 0.62)
    tail, fork = dials.number("tail", 0.18, 0.45), dials.number("fork", 0.02, 0.2)
    fin = dials.number("fin", 0.12, 0.45)
    eye = dials.number("eye", 0.05, 0.12)
    nose = dials.number("nose", 0.0, 0.25)
    body = smooth(
        [
            (long + nose, 0.03),
            (long * 0.6, -high * 0.75),
            (0, -high),
            (-long * 0.7, -high * 0.35),
            (-long, 0),
            (-long * 0.7, high * 0.35),
            (0, high),
            (long * 0.6, high * 0.75),
        ]
    )
    back = -long - 0.3
    return [
        Part(polygon((-long * 0.8, 0), (back, -tail), (back + fork, 0), (back, tail)), "second"),
        Part(polygon((long * 0.4, -high * 0.75), (-0.1, -high - fin), (-long * 0.6, -high * 0.45)), "second"),
        Part(polygon((0.1, high * 0.9), (-0.2, high + fin * 0.6), (-long * 0.5, high * 0.5)), "second"),
        Part(body, "main", textured=True),
        Part(polygon((long * 0.25, high * 0.1), (-0.1, high * 0.45), (-0.05, -0.03)), "accent"),
        Part(ellipse(long * 0.65, -high * 0.2, eye, eye), "light"),
        Part(ellipse(long * 0.67, -high * 0.2, eye * 0.5, eye * 0.5), "dark"),
        Part(stroke([(long + nose * 0.8, 0.08), (long * 0.75, high * 0.25)], 0.02, 0.015), "dark", outlined=False),
    ]


def butterfly(dials: Dials) -> list[Part]:
    """Return a butterfly or moth with spread wings."""
    wide, high = dials.number("wing width", 0.5, 0.9), dials.number("wing height", 0.35, 0.8)
    low, drop = dials.number("lower wing", 0.3, 0.65), dials.number("lower drop", 0.35, 0.8)
    tip = dials.number("tip", -0.2, 0.25)
    spot, at = dials.number("spot", 0.07, 0.18), dials.number("spot place", 0.45, 0.7)
    body = dials.number("body", 0.05, 0.12)
    upper = smooth([(0, 0), (wide * 0.45, -high), (wide, -high * 0.8 + tip), (wide * 0.75, 0)])
    lower = smooth([(0, 0), (low, 0.0), (low * 1.1, drop * 0.7), (low * 0.5, drop)])
    mark = ellipse(wide * at, -high * 0.5, spot, spot * 1.2)
    parts = []
    for flip in (np.asarray, mirrored):
        feeler = stroke([(0.02, -0.3), (0.12, -high * 0.7 - 0.1), (0.25, -high * 0.7 - 0.2)], 0.018, 0.018)
        parts += [
            Part(flip(lower), "second"),
            Part(flip(upper), "main", textured=True),
            Part(flip(mark), "accent"),
            Part(flip(feeler), "dark", outlined=False),
        ]
    return [*parts, Part(ellipse(0, 0.05, body, 0.42), "dark"), Part(ellipse(0, -0.36, body * 1.3, 0.1), "dark")]


def octopus(dials: Dials) -> list[Part]:
    """Return a creature with a large head and several arms."""
    wide, high = dials.number("head width", 0.3, 0.55), dials.number("head height", 0.35, 0.62)
    count = round(dials.number("arms", 3, 7))
    reach, curl = dials.number("reach", 0.5, 0.95), dials.number("curl", -0.4, 0.4)
    thick = dials.number("arm thickness", 0.06, 0.13)
    eye, gap = dials.number("eye", 0.06, 0.15), dials.number("eye gap", 0.3, 0.6)
    parts = []
    for side in np.linspace(-1, 1, count):
        end = (side * reach + curl * 0.4, 0.95 - 0.3 * abs(side))
        parts.append(Part(stroke([(side * wide * 0.7, 0.05), (side * reach * 0.9, 0.5), end], thick, 0.03), "second"))
    parts.append(Part(ellipse(0, -0.3, wide, high), "main", textured=True))
    for x in (-wide * gap, wide * gap):
        parts += [Part(ellipse(x, -0.1, eye, eye * 1.2), "light"), Part(ellipse(x, -0.1, eye * 0.5, eye * 0.6), "dark")]
    return parts
