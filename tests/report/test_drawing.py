"""What all figures share: the same figure gives the same file, and any text can be drawn."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from tlk.errors import UserError
from tlk.report.drawing import CYCLE, INK, encode, new_figure, on, printable, save, show_picture, style


def drawn(text: str) -> "matplotlib.figure.Figure":
    with style():
        figure = new_figure(3, 2)
        axes = figure.subplots()
        show_picture(axes, np.arange(300, dtype=np.uint8).reshape(10, 10, 3))
        axes.set_title(text)
    return figure


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_same_figure_gives_the_same_file(kind: str) -> None:
    first = encode(drawn("a"), kind)
    assert first == encode(drawn("a"), kind)
    assert first != encode(drawn("b"), kind)
    assert b"matplotlib" not in first.lower() or kind == "svg"
    assert b"<dc:date>" not in first


def test_any_text_is_drawn_without_a_warning() -> None:  # warnings are errors here
    encode(drawn(printable("a$x_{$ \\frac 漢字 \n <b>")), "svg")


def test_text_on_one_line_in_the_letters_of_the_font() -> None:
    assert printable("é – 漢\nb") == "é – ? b"
    assert printable("0123456789", 5) == "01…89"


def test_the_users_own_settings_neither_count_nor_change() -> None:
    plain = encode(drawn("a"), "svg")
    with matplotlib.rc_context({"font.size": 30, "svg.hashsalt": "x", "axes.facecolor": "red"}):
        assert encode(drawn("a"), "svg") == plain
        assert matplotlib.rcParams["font.size"] == 30


def test_letters_stand_out_from_every_colour() -> None:
    def luminance(colour: str) -> float:
        parts = np.array(matplotlib.colors.to_rgb(colour))
        linear = np.where(parts <= 0.04, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    assert on("#F0E442") == INK
    for colour in CYCLE:
        low, high = sorted([luminance(colour), luminance(on(colour))])
        assert (high + 0.05) / (low + 0.05) > 3  # large or bold text: WCAG 2


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        save(drawn("a"), tmp_path / "file" / "a.png")
