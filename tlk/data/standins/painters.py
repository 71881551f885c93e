"""A stand-in for Painter by Numbers: paintings by invented artists, in the archives and tables of the competition.

Planted, as in the real one: images that are corrupt in the archives and whole among the replacements, one that has no
replacement, a huge one, grey and CMYK ones, one picture under two names, artists of whom only test images exist, names
that are titles, dates of every kind. Unlike the real one there are two train archives, not nine.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from tlk.data.jpeg import to_jpeg
from tlk.data.standins.archives import garbage, in_mode, truncated, write_archive
from tlk.data.standins.canvas import draw_painting
from tlk.data.standins.hands import draw_hand
from tlk.data.standins.names import STYLES, artist_names, date_of, title_of
from tlk.data.standins.works import HUGE, NUMBERS, REPLACED, Work, artist_groups, comparisons, plan_works
from tlk.errors import UserError
from tlk.files import filling, write_text
from tlk.seeding import generator
from tlk.tables import format_table

HEADER = (
    "artist", "date", "genre", "pixelsx", "pixelsy", "size_bytes", "source", "style", "title", "artist_group",
    "in_train", "new_filename",
)  # fmt: skip
SMALLEST = (8, 4)  # artists and paintings that hold all that is planted


def draw_painters(folder: Path, artists: int = 40, paintings: int = 12, seed: int = 0) -> None:
    """Write the stand-in into `folder`: `artists` with about `paintings` each, from four to twice as many.

    The same seed gives the same bytes on one machine. `folder` is complete or not there at all.

    Raises:
        UserError: fewer artists or paintings than the traps need, too many, or a folder that cannot be filled.
    """
    if artists < SMALLEST[0] or paintings < SMALLEST[1] or artists * 2 * paintings > NUMBERS // 2:
        raise UserError(
            f"{artists} artists with {paintings} paintings each cannot be drawn\n"
            f"ask for at least {SMALLEST[0]} with {SMALLEST[1]}, and at most {NUMBERS // 4} paintings in all"
        )
    groups = artist_groups(artists)
    works = plan_works(groups, paintings, seed)
    with filling(folder) as drawn:
        rows = _write_images(drawn, works, groups, seed)
        write_text(drawn / "all_data_info.csv", format_table(HEADER, rows))
        write_text(drawn / "submission_info.csv", format_table(("index", "image1", "image2"), comparisons(works, seed)))


def _write_images(folder: Path, works: list[Work], groups: Sequence[str], seed: int) -> list[tuple[str, ...]]:
    """Write the four archives; return the rows of the table in some order."""
    names = artist_names(len(groups), generator(seed, "painters", "names"))
    rows: list[tuple[str, ...]] = []
    repairs: list[tuple[str, bytes]] = []

    def files(part: Sequence[Work]) -> Iterator[tuple[str, bytes]]:
        for work in part:
            row, whole, stored = _one(work, names[work.artist], groups[work.artist], seed)
            rows.append(row)
            if work.number in REPLACED:
                repairs.append((f"{'train' if work.in_train else 'test'}/{work.number}.jpg", whole))
            yield f"{work.number}.jpg", stored

    order = [works[i] for i in generator(seed, "painters", "order").permutation(len(works))]
    train = [work for work in order if work.in_train]
    half = len(train) // 2
    write_archive(folder / "train_1.zip", "train_1", files(train[:half]))
    write_archive(folder / "train_2.zip", "train_2", files(train[half:]))
    write_archive(folder / "test.zip", "test", files([work for work in order if not work.in_train]))
    write_archive(folder / "replacements_for_corrupted_files.zip", "", sorted(repairs))
    return [rows[i] for i in generator(seed, "painters", "rows").permutation(len(rows))]


def _one(work: Work, artist: str, group: str, seed: int) -> tuple[tuple[str, ...], bytes, bytes]:
    """Return the row of a work, its file, and that file as the archive has it."""
    random = generator(seed, "painters", work.artist, work.index)
    image, genre = draw_painting(draw_hand(seed, work.artist), random)
    if work.plant == "huge":
        image = cv2.resize(image, HUGE[1:], interpolation=cv2.INTER_CUBIC)
    whole = in_mode(image, work.plant) if work.plant in ("CMYK", "L") else to_jpeg(image)
    career = generator(seed, "painters", "career", work.artist)
    style, born = STYLES[career.integers(len(STYLES))], int(career.integers(1480, 1960))
    height, width = (f"{side}.0" for side in image.shape[:2])
    row = (
        artist, date_of(born + int(random.integers(18, 70)), random), genre if random.random() < 0.9 else "",
        width, height, f"{len(whole)}.0", str(random.choice(["wikiart", "wikiart", "wikipedia", ""])), style,
        title_of(genre, random), group, str(work.in_train), f"{work.number}.jpg",
    )  # fmt: skip
    return row, whole, _as_distributed(whole, work.plant, random)


def _as_distributed(whole: bytes, plant: str, random: np.random.Generator) -> bytes:
    if plant in ("truncated", "lost"):
        return truncated(whole)
    if plant == "garbage":
        return garbage(whole, random)
    return b"" if plant == "empty" else whole
