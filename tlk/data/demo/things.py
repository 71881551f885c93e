"""Lifeless things of the embedded competition: each family is a function from dials to parts, back to front."""

import numpy as np

from tlk.data.demo.dials import Dials
from tlk.data.demo.shapes import Part, Role, dense, ellipse, lathe, polygon, rounded, ruffled, smooth, stroke

MARKS: tuple[Role, ...] = ("dark", "accent", "second", "light")


def vessel(dials: Dials) -> list[Part]:
    """Return a bottle, vase or jug: a turned profile with a band, perhaps a handle and a spout."""
    mouth, neck = dials.number("mouth", 0.1, 0.4), dials.number("neck", 0.08, 0.3)
    belly, level = dials.number("belly", 0.3, 0.65), dials.number("belly level", -0.1, 0.5)
    foot, top = dials.number("foot", 0.15, 0.45), dials.number("top", -1.0, -0.6)
    throat = top * dials.number("throat", 0.55, 0.8)
    band = dials.number("band", -0.12, 0.12) + level
    parts = []
    if dials.chance("handle", 0.5):
        out = belly + dials.number("handle size", 0.15, 0.4)
        parts.append(
            Part(
                stroke([(neck, throat), (out, throat + 0.05), (out, level), (belly * 0.8, level)], 0.06, 0.05), "second"
            )
        )
    if dials.chance("spout", 0.35):
        rise = dials.number("spout rise", -0.6, -0.1)
        parts.append(
            Part(
                stroke([(-belly * 0.6, level), (-belly - 0.1, level - 0.1), (-belly - 0.32, rise)], 0.13, 0.05), "main"
            )
        )
    profile = [(mouth, top), (neck, throat), (belly, level), (foot, 0.9)]
    parts.append(Part(lathe(profile), "main", textured=True))
    parts.append(Part(rounded(0, band, belly * 0.93, dials.number("band height", 0.04, 0.14), 0.8), "accent"))
    parts.append(Part(ellipse(0, top, mouth, 0.05), "dark"))
    if dials.chance("lid", 0.3):
        parts.append(Part(ellipse(0, top - 0.07, mouth * 1.1, 0.12), "second"))
    return parts


def plant(dials: Dials) -> list[Part]:
    """Return a tree, bush or flower: a crown on a stem, perhaps in a pot."""
    wide, high = dials.number("crown width", 0.3, 0.75), dials.number("crown height", 0.3, 0.6)
    up, lean = dials.number("crown level", -0.55, -0.2), dials.number("lean", -0.25, 0.25)
    stem = dials.number("stem", 0.03, 0.14)
    kind = dials.word("crown", ("round", "fir", "flower", "palm"))
    parts = [Part(stroke([(0, 0.9), (lean * 0.3, 0.3), (lean, up)], stem, stem * 0.6), "third")]
    if kind == "fir":
        for step in (0.55, 0.1, -0.35):
            half = wide * (0.6 + 0.45 * step)
            parts.append(
                Part(
                    polygon((lean - half, up + step + 0.3), (lean, up + step - high), (lean + half, up + step + 0.3)),
                    "main",
                    textured=True,
                )
            )
    elif kind == "palm":
        for angle in np.linspace(-2.9, -0.2, round(dials.number("leaves", 5, 9))):
            x, y = np.cos(angle) * wide * 1.2, np.sin(angle) * high
            parts.append(
                Part(stroke([(lean, up), (lean + x * 0.6, up + y), (lean + x, up + y * 0.4)], 0.09, 0.02), "main")
            )
    else:
        petals = round(dials.number("petals", 5, 13))
        crown = ruffled(dense(ellipse(lean, up, wide, high)), petals, 0.28 if kind == "flower" else 0.1, sharp=False)
        parts.append(Part(crown, "main", textured=True))
        count = 1 if kind == "flower" else round(dials.number("fruit", 0, 7))
        size = 0.3 * high if kind == "flower" else dials.number("fruit size", 0.04, 0.1)
        for i in range(count):
            angle, far = 2.4 * i, 0.65 * (i / 7) ** 0.5
            parts.append(
                Part(ellipse(lean + np.cos(angle) * far * wide, up + np.sin(angle) * far * high, size, size), "accent")
            )
    if dials.chance("pot", 0.5):
        pot, rim = dials.number("pot", 0.18, 0.4), dials.number("rim", 0.45, 0.65)
        parts.append(Part(polygon((-pot, rim), (pot, rim), (pot * 0.7, 1.0), (-pot * 0.7, 1.0)), "second"))
    return parts


def house(dials: Dials) -> list[Part]:
    """Return a building with a roof, a door, rows of windows and perhaps a tower."""
    wide, top = dials.number("width", 0.35, 0.75), dials.number("wall top", -0.45, 0.25)
    peak, eaves = dials.number("peak", 0.1, 0.65), dials.number("eaves", 0.0, 0.18)
    ridge = dials.number("ridge", 0.0, 0.9)
    parts = []
    if dials.chance("tower", 0.45):
        x, half, up = dials.number("tower place", -0.7, 0.7), dials.number("tower width", 0.1, 0.2), top - peak - 0.15
        parts.append(Part(polygon((x - half, up), (x + half, up), (x + half, 0.8), (x - half, 0.8)), "third"))
        parts.append(Part(polygon((x - half * 1.3, up), (x, up - 0.35), (x + half * 1.3, up)), "second"))
    parts += [
        Part(polygon((-wide, top), (wide, top), (wide, 0.85), (-wide, 0.85)), "main", textured=True),
        Part(
            polygon((-wide - eaves, top), (-wide * ridge, top - peak), (wide * ridge, top - peak), (wide + eaves, top)),
            "second",
        ),
    ]
    columns, rows = round(dials.number("columns", 2, 4)), round(dials.number("rows", 1, 3))
    door = dials.number("door place", -0.5, 0.5) * wide
    pane = wide / columns * dials.number("pane", 0.3, 0.6)
    floor = (0.45 - top) / rows
    for row in range(rows):
        for x in np.linspace(-wide, wide, 2 * columns + 1)[1::2]:
            parts.append(Part(rounded(x, top + floor * (row + 0.5), pane, floor * 0.32, 0.85), "light"))
    high, arch = dials.number("door", 0.25, 0.4), dials.number("arch", 0.0, 0.15)
    parts.append(
        Part(
            polygon(
                (door - 0.1, 0.85),
                (door - 0.1, 0.85 - high),
                (door, 0.85 - high - arch),
                (door + 0.1, 0.85 - high),
                (door + 0.1, 0.85),
            ),
            "accent",
        )
    )
    return parts


def vehicle(dials: Dials) -> list[Part]:
    """Return a car, van or toy engine, seen from the side."""
    long, sill = dials.number("length", 0.6, 0.92), 0.35
    bonnet, roof = dials.number("bonnet", -0.2, 0.1), dials.number("roof", -0.85, -0.35)
    back, front = dials.number("rear glass", -0.95, -0.4), dials.number("windscreen", 0.0, 0.7)
    slope, wheel = dials.number("slope", 0.02, 0.3), dials.number("wheel", 0.14, 0.27)
    cabin = [
        (back * long, bonnet),
        (back * long + slope * 0.6, roof),
        (front * long - slope, roof),
        (front * long, bonnet),
    ]
    glass = [(x * 0.86 + (back + front) * long * 0.07, y * 0.78 + (bonnet + roof) * 0.11) for x, y in cabin]
    parts = [
        Part(polygon(*cabin), "second"),
        Part(polygon(*glass), "light"),
        Part(
            smooth(
                [(-long, bonnet + 0.05), (0, bonnet - 0.02), (long * 0.95, bonnet + 0.08), (long, sill), (-long, sill)]
            ),
            "main",
            textured=True,
        ),
        Part(stroke([(-long, sill), (long, sill)], 0.05, 0.05), "third"),
        Part(ellipse(long * 0.93, bonnet + 0.22, 0.07, 0.08), "accent"),
    ]
    if dials.chance("chimney", 0.25):
        parts.insert(0, Part(polygon((0.5, bonnet), (0.45, roof - 0.15), (0.7, roof - 0.15), (0.65, bonnet)), "third"))
    for x in (-long * dials.number("rear wheel", 0.5, 0.7), long * dials.number("front wheel", 0.5, 0.7)):
        parts += [
            Part(ellipse(x, sill + 0.03, wheel, wheel), "dark"),
            Part(ellipse(x, sill + 0.03, wheel * 0.5, wheel * 0.5), "light"),
        ]
    return parts


def lump(dials: Dials) -> list[Part]:
    """Return a lump (potato, stone, cloud …): a Fourier contour, with a few marks that may look like a face."""
    turn = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    radius = np.full_like(turn, 0.62)
    for wave in range(1, 6):
        phase = dials.number(f"phase {wave}", 0, 2 * np.pi)
        radius += dials.number(f"wave {wave}", 0.0, 0.42 / wave) * np.cos(wave * turn + phase)
    stretch = dials.number("stretch", 0.7, 1.3)
    contour = np.stack([radius * np.cos(turn) * stretch, radius * np.sin(turn) / stretch], 1)
    parts = [Part(contour - contour.mean(0), "main", textured=True)]
    for i in range(round(dials.number("marks", 2, 6))):
        x, y = dials.number(f"mark {i} x", -0.4, 0.4), dials.number(f"mark {i} y", -0.4, 0.4)
        size, flat = dials.number(f"mark {i} size", 0.05, 0.16), dials.number(f"mark {i} flat", 0.4, 1.2)
        parts.append(Part(ellipse(x, y, size, size * flat, x), dials.word(f"mark {i} colour", MARKS)))
    return parts
