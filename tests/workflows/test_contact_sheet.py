"""Contact sheets: what is where, and texts that fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from tlk.data.reader import ImageReader
from tlk.data.source import FolderSource
from tlk.errors import UserError
from tlk.workflows.contact_sheet import Cell, draw_sheet, drawable, require_fitting, shortened

COLOURS = {"red.png": (200, 30, 30), "green.png": (30, 200, 30), "blue.png": (30, 30, 200)}


@pytest.fixture
def reader(tmp_path: Path) -> ImageReader:
    for size, (name, colour) in zip([(300, 200), (20, 60), (5, 5)], COLOURS.items(), strict=True):
        Image.new("RGB", size, colour).save(tmp_path / name)
    return ImageReader(FolderSource(tmp_path))


def places(sheet: Image.Image, name: str) -> np.ndarray:
    """Return the rows and columns of a picture's pixels."""
    return np.argwhere((np.asarray(sheet) == COLOURS[name]).all(axis=2))


def test_each_row_has_its_query_left_in_a_frame_and_the_rest_beside_it(reader: ImageReader) -> None:
    rows = [
        [Cell("red.png", ("q",)), Cell("green.png", ("1 · 0.9", "id", "title")), Cell("blue.png", ("2", "x"))],
        [Cell("blue.png", ("q",)), Cell("red.png", ("1",))],
    ]
    sheet = draw_sheet(rows, reader)
    half = sheet.height // 2
    upper, lower = sheet.crop((0, 0, sheet.width, half)), sheet.crop((0, half, sheet.width, sheet.height))
    red, green, blue = (places(upper, name) for name in COLOURS)
    assert red[:, 1].max() < green[:, 1].min() < green[:, 1].max() < blue[:, 1].min()
    assert places(lower, "blue.png")[:, 1].max() < places(lower, "red.png")[:, 1].min()
    assert not len(places(lower, "green.png"))
    for found, (width, height) in ((red, (3, 2)), (green, (1, 3)), (blue, (1, 1))):  # the shapes are kept
        extent = np.ptp(found, axis=0) + 1
        assert extent.max() == 176
        assert extent[1] / extent[0] == pytest.approx(width / height, rel=0.02)
    top, left = red.min(axis=0)
    assert sheet.getpixel((int(left) - 3, int(top) + 40)) == (200, 50, 30)  # the frame
    assert sheet.getpixel((int(green[:, 1].min()) - 3, int(green[:, 0].min()) + 40)) == (255, 255, 255)
    below = np.asarray(sheet)[green[:, 0].max() + 4 : half]  # three lines of text
    assert (below[:17, 200:370] < 128).any()


def test_texts_are_shortened_in_the_middle_and_only_where_they_must_be() -> None:
    font = ImageFont.load_default(13)
    assert shortened("train/left/abc.jpg", 176, font) == "train/left/abc.jpg"
    long = "a/folder/with/many/others/below/it/and-a-name-that-never-seems-to-end-0123.jpg"
    text = shortened(long, 176, font)
    assert font.getlength(text) <= 176
    start, end = text.split("…")
    assert long.startswith(start)
    assert long.endswith(end)
    assert font.getlength(text) > 120  # no more is left out than that


def test_letters_that_the_font_lacks_are_replaced_by_its_own() -> None:
    font = ImageFont.load_default(13)
    missing = bytes(font.getmask("\uffff"))
    for text, expected in {"Cézanne – Žofie\n\tII": "Cezanne - Zofie II", "1 · 0.5": "1 · 0.5", "東 a": "? a"}.items():
        assert drawable(text) == expected
        assert all(bytes(font.getmask(letter)) != missing for letter in expected.replace(" ", ""))


def test_a_sheet_that_nobody_could_open_is_refused() -> None:
    require_fitting(20, 11)
    with pytest.raises(UserError, match=r"--sheet: 5000 × 11 pictures, \d+ fit"):
        require_fitting(5000, 11)
