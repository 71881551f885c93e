"""What all figures share: colours that everyone tells apart, readable type, text of any kind, files that do not change.

Colours: Okabe and Ito, *Color Universal Design*, 2008.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tlk.files import replacing

BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, INK, PALE = "#CC79A7", "#56B4E9", "#F0E442", "#202020", "#767676"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK, YELLOW)
FORMATS = ("png", "svg")

_STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.edgecolor": PALE,
    "text.color": INK,
    "text.parse_math": False,  # an id may have dollar signs
    "svg.hashsalt": "tlk",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
_METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
_OPTIONS: dict[str, dict[str, Any]] = {
    "png": {"pil_kwargs": {"compress_level": 4}},
    "svg": {},
}  # 6 takes thrice as long
_DPI = 150


@contextmanager
def style() -> Iterator[None]:
    """Draw or save as all figures are, whatever the user's own settings of matplotlib."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of so many inches, which no global state of matplotlib knows."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.08))
    FigureCanvasAgg(figure)
    return figure


def encode(figure: Figure, kind: str) -> bytes:
    """Return a figure as a PNG or SVG file; the same figure gives the same bytes."""
    file = io.BytesIO()
    with style():
        engine = figure.get_layout_engine()
        if engine is not None:  # once for all formats
            engine.execute(figure)
            figure.set_layout_engine("none")
        figure.savefig(file, format=kind, dpi=_DPI, metadata=_METADATA[kind], **_OPTIONS[kind])
    return file.getvalue()


def save(figure: Figure, path: Path) -> Path:
    """Write a figure to `path`, whose ending says which format, and return the path.

    Raises:
        UserError: the place cannot be written to.
    """
    content = encode(figure, path.suffix[1:].lower())
    with replacing(path) as file:
        file.write(content)
    return path


def printable(text: str, most: int = 40) -> str:
    """Return a text in the letters that the figures' font has, on one line; a long one without its middle."""
    known = _letters()
    line = " ".join(text.split())
    line = line if len(line) <= most else f"{line[: most // 2]}…{line[len(line) - (most - 1) // 2 :]}"
    return "".join(letter if ord(letter) in known else "?" for letter in line)


@cache
def _letters() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def on(colour: str) -> str:
    """Return the colour in which text can be read on `colour`."""
    red, green, blue = matplotlib.colors.to_rgb(colour)
    return INK if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"


def show_picture(axes: matplotlib.axes.Axes, picture: np.ndarray) -> None:
    """Show an `(h, w, 3)` uint8 picture without ticks, as it is shaped."""
    axes.imshow(picture)
    axes.set(xticks=[], yticks=[])
    outline(axes, "#c8c8c8", 0.6)


def outline(axes: matplotlib.axes.Axes, colour: str, width: float) -> None:
    """Draw a frame around what `axes` show."""
    for spine in axes.spines.values():
        spine.set(visible=True, color=colour, linewidth=width)
