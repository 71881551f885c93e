"""Outlines that the embedded competition is composed of: closed contours in figure units, y pointing down.

A figure fills about −1…1; every function returns the points of one closed contour, (n, 2) float64.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Role = Literal["main", "second", "third", "accent", "light", "dark"]
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Part:
    """One filled contour (n, 2), painted over the parts before it in the palette's colour for `role`."""

    contour: np.ndarray
    role: Role
    textured: bool = False
    outlined: bool = True


def ellipse(x: float, y: float, across: float, down: float, tilt: float = 0.0) -> np.ndarray:
    """Return an ellipse around (x, y) with half axes `across` and `down`, turned by `tilt` radians."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    unit = np.stack([np.cos(turn), np.sin(turn)], 1)
    return np.asarray(turned(unit * (across, down), tilt) + np.array([x, y]))


def rounded(x: float, y: float, across: float, down: float, squareness: float) -> np.ndarray:
    """Return a superellipse: an ellipse at squareness 0, nearly a rectangle at 1."""
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    unit = np.stack([np.cos(turn), np.sin(turn)], 1)
    return np.asarray(np.sign(unit) * np.abs(unit) ** (1 - 0.75 * squareness) * (across, down) + (x, y))


def polygon(*points: tuple[float, float]) -> np.ndarray:
    """Return the contour with these corners."""
    return np.array(points, dtype=np.float64)


def smooth(points: Points, closed: bool = True, steps: int = 8) -> np.ndarray:
    """Return a Catmull-Rom curve through `points`, closed or from the first to the last."""
    knots = np.array(points, dtype=np.float64)
    around = np.concatenate([knots[-1:], knots, knots[:2]]) if closed else knots[[0, *range(len(knots)), -1]]
    before, start, end, after = (around[i : len(around) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )
    return np.concatenate([curve.reshape(-1, 2), *([] if closed else [knots[-1:]])])


def lathe(profile: Points) -> np.ndarray:
    """Return what turning a smooth profile of (half width, y), top to bottom, looks like from the side."""
    right = smooth(profile, closed=False)
    return np.concatenate([right, right[::-1] * (-1, 1)])


def stroke(points: Points, start: float, end: float) -> np.ndarray:
    """Return a brush stroke along the smooth curve through `points`, its half width going from `start` to `end`."""
    spine = smooth(points, closed=False)
    ahead = np.gradient(spine, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True) + 1e-9
    aside = ahead[:, ::-1] * (-1, 1) * np.linspace(start, end, len(spine))[:, None]
    return np.concatenate([spine + aside, (spine - aside)[::-1]])


def ruffled(contour: np.ndarray, count: float, depth: float, sharp: bool) -> np.ndarray:
    """Return `contour` with about `count` waves of relative `depth` around its middle: curls, or spikes if `sharp`."""
    middle = contour.mean(0)
    ray = contour - middle
    angle = np.arctan2(ray[:, 1], ray[:, 0]) * round(count)
    wave = 2 / np.pi * np.arcsin(np.sin(angle)) if sharp else np.abs(np.sin(angle / 2)) * 2 - 1
    return np.asarray(middle + ray * (1 + depth * wave)[:, None])


def dense(contour: np.ndarray, count: int = 160) -> np.ndarray:
    """Return `count` points evenly spread along the closed `contour`."""
    loop = np.concatenate([contour, contour[:1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(loop, axis=0), axis=1))])
    at = np.linspace(0, length[-1], count, endpoint=False)
    return np.stack([np.interp(at, length, loop[:, axis]) for axis in (0, 1)], 1)


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    """Return `points` (n, 2) turned by `angle` radians about the origin, clockwise on the screen."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]))


def mirrored(contour: np.ndarray) -> np.ndarray:
    """Return `contour` reflected in the vertical axis."""
    return contour * (-1, 1)
