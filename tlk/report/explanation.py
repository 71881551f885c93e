"""One picture that explains a similarity: both images, what of them had a say, and which regions answer to which."""

import textwrap
from dataclasses import dataclass
from typing import Any

import cv2
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle

from tlk.report.drawing import CYCLE, INK, PALE, new_figure, on, printable, show_picture, style

_WIDTH, _MARGIN, _GAP = 10.6, 0.25, 0.15  # inches
_SMALL, _LARGE = (2.35, 2.9), (4.1, 4.6)  # width and height that a picture fits into: above, and below
_FAINT = 0.2  # saliency that is not shown: it would veil the picture


@dataclass(frozen=True)
class Side:
    """One of the two: its name, `(h, w, 3)` uint8 picture, and `(a, b)` saliency from 0 to 1, squashed or not."""

    name: str
    picture: np.ndarray
    saliency: np.ndarray


@dataclass(frozen=True)
class Link:
    """A cell on the left, row and column, and the one on the right that answers to it."""

    left: tuple[int, int]
    right: tuple[int, int]


@dataclass(frozen=True)
class Explanation:
    """All that is drawn. `measure` says what the similarity is, `cells` how many rows and columns of them."""

    left: Side
    right: Side
    similarity: float
    measure: str
    by: str
    links: tuple[Link, ...]
    cells: tuple[int, int]
    notes: tuple[str, ...]


@style()
def draw_explanation(explanation: Explanation) -> Figure:
    """Return the figure: the originals and the saliency above, the links below, and what it all means."""
    sides = (explanation.left, explanation.right)
    notes = [line for note in explanation.notes for line in textwrap.wrap(note, 158)]
    small, large = (max(_fitted(side.picture, box)[1] for side in sides) for box in (_SMALL, _LARGE))
    foot = 0.2 + 0.18 * len(notes)
    height = 1.25 + small + 0.55 + large + 0.15 + foot
    figure = new_figure(_WIDTH, height)
    figure.set_layout_engine("none")

    def write(x: float, y: float, text: str, **looks: Any) -> None:
        figure.text(x / _WIDTH, 1 - y / height, text, **({"ha": "center", "va": "center"} | looks))

    write(
        _WIDTH / 2, 0.28, f"similarity {explanation.similarity:.3f}".replace("-", "−"), fontsize=17, fontweight="bold"
    )
    write(_WIDTH / 2, 0.58, f"{explanation.measure}, by {printable(explanation.by, 110)}", fontsize=10, color=PALE)
    middles = [_MARGIN + (_SMALL[0] + _GAP) * (n + 0.5) + (0.3 if n > 1 else 0) for n in range(4)]
    for number, middle in enumerate(middles):
        side = sides[number % 2]
        axes = _axes(figure, side.picture, (middle, 1.2 + small / 2), _SMALL)
        name = printable(side.name, 20)
        write(middle, 1.02, name if number < 2 else f"saliency of {name}", fontsize=11)
        _show_saliency(axes, side) if number > 1 else show_picture(axes, side.picture)
    top = 1.2 + small + 0.5
    write(_WIDTH / 2, top - 0.2, "regions that answer to each other", fontsize=11)
    places = [_WIDTH / 2 + sign * (0.5 + _LARGE[0] / 2) for sign in (-1, 1)]
    pair = [_axes(figure, s.picture, (x, top + large / 2), _LARGE) for s, x in zip(sides, places, strict=True)]
    for axes, side in zip(pair, sides, strict=True):
        show_picture(axes, _paled(side.picture))
    _show_links(figure, pair, explanation)
    if not explanation.links:
        write(_WIDTH / 2, top + large / 2, "none", fontsize=11)
    figure.text(_MARGIN / _WIDTH, 0.12 / height, "\n".join(notes), fontsize=8.5, color=INK, linespacing=1.35)
    return figure


def _fitted(picture: np.ndarray, box: tuple[float, float]) -> tuple[float, float]:
    """Return width and height of a picture that fills a box as far as its shape allows."""
    height, width = picture.shape[:2]
    scale = min(box[0] / width, box[1] / height)
    return width * scale, height * scale


def _axes(figure: Figure, picture: np.ndarray, middle: tuple[float, float], box: tuple[float, float]) -> Axes:
    """Return axes of a picture's shape around a point in inches from the top left."""
    width, height = _fitted(picture, box)
    whole_width, whole_height = figure.get_size_inches()
    left, bottom = middle[0] - width / 2, whole_height - middle[1] - height / 2
    return figure.add_axes((left / whole_width, bottom / whole_height, width / whole_width, height / whole_height))


def _show_saliency(axes: Axes, side: Side) -> None:
    """Lay the saliency over the picture in pale grey, dark where it is largest."""
    height, width = side.picture.shape[:2]
    grey = cv2.cvtColor(side.picture, cv2.COLOR_RGB2GRAY)
    show_picture(axes, np.repeat((150 + grey * (105 / 255)).astype(np.uint8)[..., None], 3, axis=2))
    strength = cv2.resize(side.saliency.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    shown = ((strength - _FAINT) / (1 - _FAINT)).clip(0, 1)
    colours = matplotlib.colormaps["inferno_r"](0.15 + 0.85 * shown)
    colours[..., 3] = 0.9 * shown**0.7
    axes.imshow(colours, interpolation="bilinear")


def _paled(picture: np.ndarray) -> np.ndarray:
    return np.asarray(255 - (255 - picture.astype(np.float32)) * 0.75).astype(np.uint8)


def _show_links(figure: Figure, pair: list[Axes], explanation: Explanation) -> None:
    """Frame the cells that answer to each other in one colour and number, and join them by a line."""
    for number, link in enumerate(explanation.links):
        colour = CYCLE[number % len(CYCLE)]
        ends: list[tuple[float, float]] = []
        for axes, side, (row, column) in zip(
            pair, (explanation.left, explanation.right), (link.left, link.right), strict=True
        ):
            height, width = (size / count for size, count in zip(side.picture.shape, explanation.cells, strict=False))
            corner = (column * width - 0.5, row * height - 0.5)
            for edge, line in (("white", 4.5), (colour, 2.5)):
                axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=edge, linewidth=line, zorder=4))
            ends.append((corner[0] + (0 if ends else width), corner[1] + height / 2))  # the edge that faces the other
            _label(figure, axes, (corner[0] + width / 2, corner[1] + height / 2), str(number + 1), colour)
        for edge, line in (("white", 3.5), (colour, 1.8)):
            figure.add_artist(
                ConnectionPatch(
                    ends[0], ends[1], "data", "data", axesA=pair[0], axesB=pair[1], color=edge, linewidth=line
                )
            )


def _label(figure: Figure, axes: Axes, place: tuple[float, float], text: str, colour: str) -> None:
    """Write a number over all lines that pass by."""
    box = {"boxstyle": "round,pad=0.25", "facecolor": colour, "edgecolor": "white"}
    looks: dict[str, Any] = {"fontsize": 9, "fontweight": "bold", "ha": "center", "va": "center_baseline", "zorder": 9}
    figure.text(*place, text, transform=axes.transData, color=on(colour), bbox=box, **looks)
