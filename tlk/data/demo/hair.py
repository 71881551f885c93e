"""Hair and beards of the embedded competition's faces, set by dials.

`across` and `down` are the half axes of the head, whose middle is the origin.
"""

import numpy as np

from tlk.data.demo.dials import Dials
from tlk.data.demo.shapes import Part, dense, ellipse, ruffled, smooth

HAIR = ("bald", "short", "short", "long", "long", "afro", "spikes", "mohawk", "bun", "bob")
BEARDS = ("none", "none", "none", "full", "goatee", "moustache")


def hair_behind(dials: Dials, style: str, across: float, down: float) -> list[Part]:
    """Return what hangs or stands behind the head, for a style of HAIR."""
    volume = dials.number("hair volume", 1.05, 1.5)
    if style == "afro":
        mane = dense(ellipse(0, -0.22, across * volume * 1.15, down * volume))
        return [Part(ruffled(mane, dials.number("curls", 12, 26), 0.05, sharp=False), "second")]
    if style in ("long", "bob"):
        end = down * 0.7 if style == "bob" else dials.number("hair length", 0.75, 1.35)
        wide = across * (volume * 0.4 + 0.75)
        out = wide * dials.number("hair spread", 0.9, 1.35)
        points = [(0, -down * 1.12), (wide, -down * 0.55), (out, end * 0.5), (out, end), (out * 0.4, end * 1.03)]
        return [Part(smooth(points + [(-x, y) for x, y in reversed(points[1:])]), "second")]
    if style == "bun":
        return [Part(ellipse(0, -down * 1.15, 0.14 + 0.12 * volume, 0.2), "second")]
    return []


def hair_above(dials: Dials, style: str, head: np.ndarray, across: float, down: float) -> list[Part]:
    """Return the crown of hair over the contour `head` (n, 2), for a style of HAIR."""
    if style == "bald":
        return []
    volume = dials.number("hair volume", 1.04, 1.3)
    if style == "mohawk":
        crest = dense(ellipse(0, -down * 1.0, across * 0.3, down * 0.3 * volume + 0.1))
        return [Part(ruffled(crest, 14, 0.12, sharp=True), "second")]
    line = -down * dials.number("fringe", 0.35, 0.75)
    parting = dials.number("parting", -0.6, 0.6) * across
    crown = dense(head)
    crown = crown[crown[:, 1] < line * 0.55] * (1.05, volume)
    crown = crown[np.argsort(np.arctan2(crown[:, 1] + down * 0.2, crown[:, 0]))]
    if style == "spikes":
        crown = ruffled(crown, dials.number("curls", 9, 18), 0.14, sharp=True) * (1, 1.12)
    lowest = float(crown[:, 1].max())
    edge = smooth([(across * 0.95, lowest), (across * 0.5, line), (parting, line * 0.9), (-across * 0.6, line)], False)
    return [Part(np.concatenate([crown, edge]), "second")]


def beard(dials: Dials, head: np.ndarray, across: float, down: float, turn: float) -> list[Part]:
    """Return a beard along the contour `head` (n, 2), under a nose that is `turn` to the right, or none."""
    kind = dials.word("beard", BEARDS)
    length = dials.number("beard length", 1.05, 1.5)
    if kind == "full":
        low = dense(head)
        low = low[low[:, 1] > 0.05 * down]
        low = low[np.argsort(-low[:, 0])] * (1.04, length)
        edge = smooth([(-across * 0.6, 0.22), (turn, 0.2), (across * 0.6, 0.22)], closed=False)
        return [Part(np.concatenate([low, edge]), "second")]
    if kind == "goatee":
        return [Part(ellipse(turn * 0.6, down * 0.9, 0.17, 0.2 * length), "second")]
    if kind == "moustache":
        half = 0.14 + 0.12 * length
        drop = dials.number("moustache droop", 0.0, 0.16)
        points = [(turn, 0.19), (turn + half, 0.24 + drop), (turn, 0.27), (turn - half, 0.24 + drop)]
        return [Part(smooth(points), "second")]
    return []
