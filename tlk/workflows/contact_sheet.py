"""A contact sheet: a row a query, the query in a frame at the left, what was found beside it."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tlk.data.reader import ImageReader
from tlk.errors import UserError

_PICTURE, _GAP, _LINE, _LINES = 176, 14, 17, 3  # pixels: a picture's longer side, between cells, a line; lines
_CELL = (_PICTURE + _GAP, _PICTURE + _LINES * _LINE + _GAP)
_MOST_PIXELS = 120_000_000  # what viewers still open
_PAPER, _INK, _PALE, _FRAME = "white", "#202020", "#6a6a6a", "#c8321e"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Cell:
    """An image and up to three lines below it."""

    path: str
    lines: tuple[str, ...]


def require_fitting(rows: int, columns: int) -> None:
    """Raise a UserError if a sheet of so many cells would be too large to look at."""
    if rows * columns * _CELL[0] * _CELL[1] > _MOST_PIXELS:
        most = _MOST_PIXELS // (_CELL[0] * _CELL[1])
        raise UserError(f"--sheet: {rows} × {columns} pictures, {most} fit\ngive fewer queries, or a smaller --top")


def draw_sheet(rows: Sequence[Sequence[Cell]], reader: ImageReader) -> Image.Image:
    """Return the sheet; the first cell of each row is its query.

    Raises:
        UserError: an image cannot be read.
    """
    columns = max(map(len, rows))
    # Between query and answers there is room for one gap more.
    sheet = Image.new("RGB", (columns * _CELL[0] + 2 * _GAP, len(rows) * _CELL[1] + _GAP), _PAPER)
    paths = [cell.path for row in rows for cell in row]
    pictures = reader.prepared(paths, _reduced)
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            left = _GAP + column * _CELL[0] + (_GAP if column else 0)
            _draw_cell(sheet, (left, _GAP + number * _CELL[1]), next(pictures), cell, framed=not column)
    return sheet


def drawable(text: str) -> str:
    """Return a text in the letters that Pillow's own font has: accents are left out, other alphabets become ?."""
    plain = unicodedata.normalize("NFKD", " ".join(text.split())).replace("–", "-")
    letters = [letter for letter in plain if not unicodedata.combining(letter)]
    return "".join(letter if letter.isascii() or letter == "·" else "?" for letter in letters)


def shortened(text: str, width: float, font: Font) -> str:
    """Return a text no wider than `width` pixels, the middle left out where it is too long: both ends tell most."""
    if font.getlength(text) <= width:
        return text
    keep = len(text)
    while keep > 2 and font.getlength(_ends(text, keep)) > width:
        keep -= max(1, keep // 16)
    return _ends(text, keep)


def _ends(text: str, keep: int) -> str:
    return f"{text[: (keep + 1) // 2]}…{text[len(text) - keep // 2 :]}"


def _reduced(image: np.ndarray) -> Image.Image:
    picture = Image.fromarray(image)
    scale = _PICTURE / max(picture.size)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def _draw_cell(sheet: Image.Image, corner: tuple[int, int], picture: Image.Image, cell: Cell, framed: bool) -> None:
    left, top = corner
    # Pictures stand on their lines, in the middle.
    place = (left + (_PICTURE - picture.width) // 2, top + _PICTURE - picture.height)
    sheet.paste(picture, place)
    draw = ImageDraw.Draw(sheet)
    if framed:
        box = (place[0] - 4, place[1] - 4, place[0] + picture.width + 3, place[1] + picture.height + 3)
        draw.rectangle(box, outline=_FRAME, width=3)
    font = ImageFont.load_default(13)
    for number, line in enumerate(cell.lines[:_LINES]):
        text = shortened(drawable(line), _PICTURE, font)
        middle, below = left + _PICTURE / 2, top + _PICTURE + 6 + number * _LINE
        draw.text((middle, below), text, fill=_PALE if number else _INK, font=font, anchor="ma")
