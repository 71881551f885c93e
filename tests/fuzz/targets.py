"""What is fuzzed: four readers of files that anybody may have written. Each takes bytes and returns nothing.

A `UserError` of at most three printable lines is a right answer to any input, and the only exception that is one. What
is accepted has to be what it claims to be: it survives being written and read again.
"""

import atexit
import io
import os
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import tomli_w
from PIL import Image

import tlk.data.images
from tlk.data.collection import Collection
from tlk.data.columns import rows_of
from tlk.data.competition import Competition
from tlk.data.folds import folds_from_table
from tlk.data.images import decode_image
from tlk.data.painters import read_paintings, read_submission_pairs
from tlk.data.thumbnails import make_thumbnail
from tlk.errors import UserError
from tlk.metrics import list_ranks, standardise
from tlk.recipe import load_recipe, parse_recipe
from tlk.submission import format_submission, parse_submission, submission_faults
from tlk.tables import format_table, parse_table, read_table
from tlk.workflows.ledger_rows import HEADER, format_ledger, parse_ledger

PIXELS = 1_000_000  # the limit while fuzzing: a few bytes that claim more cost nothing but time
LONGEST_LINE = 2000  # characters of a line of a message, paths and all
QUERIES, CANDIDATES = ("q1", "q2", "q3"), ("a", "b", "c")


class BrokenPromiseError(AssertionError):
    """The code under test did what it must not do, without raising."""


def read_csv(data: bytes) -> None:
    """A table by itself, and the reader of tables that has most to do with what its beginning looks like."""
    with _refusing():
        table = parse_table(data, "table.csv")
        _require(all(len(row) == len(table.header) for row in table.rows), "rows as long as the header")
        written = format_table(table.header, table.rows).encode("utf-8-sig")
        again = parse_table(written, "table.csv")
        _require((again.header, again.rows) == (table.header, table.rows), "the table survives a round trip")
    beginning = data[:60]
    reader = next((read for word, read in _READERS.items() if word in beginning), _read_columns)
    with _refusing():
        reader(data)


def _read_columns(data: bytes) -> None:
    place = _written("objects.csv.zip" if data.startswith(b"PK") else "objects.csv", data)
    for line, cells in rows_of(place, ("id", "title"), ("year",)):
        _require(line > 0 and len(cells) == 3, "as many cells as were asked for")


def _read_paintings(data: bytes) -> None:
    for painting in read_paintings(_written("paintings/all_data_info.csv", data).parent):
        _require("/" not in painting.name and painting.name not in ("", ".", ".."), "the name of a file")


def _read_comparisons(data: bytes) -> None:
    for block in read_submission_pairs(_written("submission_info.csv", data)):
        _require(len({*map(len, block)}) == 1, "as many indices as names")


def _read_collection(data: bytes) -> None:
    folder = _written("art/collection.csv", data).parent.resolve()
    for path in Collection(folder).paths:
        _require((folder / path).resolve().is_relative_to(folder), f"{path!r} lies below the folder")


def _read_folds(data: bytes) -> None:
    pairs = Competition(_competition("data")).train_pairs()
    folds = folds_from_table(parse_table(data, "folds.csv"), pairs)
    again = folds_from_table(parse_table(folds.to_csv().encode(), "folds.csv"), pairs)
    _require(again.to_csv() == folds.to_csv(), "folds survive a round trip")


def _read_lists(data: bytes) -> None:
    (_competition("copy") / "test_candidates.csv").write_bytes(data)
    lists = Competition(_competition("copy")).test_lists()
    _require({*lists.queries} <= {*QUERIES} and {*lists.gallery} <= {*CANDIDATES}, "only ids that have an image")


def _read_pairs(data: bytes) -> None:
    (_competition("copy") / "train.csv").write_bytes(data)
    pairs = Competition(_competition("copy")).train_pairs()
    _require({*pairs.lefts} <= {*QUERIES} and {*pairs.rights} <= {*CANDIDATES}, "only ids that have an image")


def _read_ledger(data: bytes) -> None:
    entries = parse_ledger(parse_table(data, "ledger.csv", lambda width: HEADER))
    kept = format_ledger(entries)
    again = parse_ledger(parse_table(kept.encode(), "ledger.csv"))
    _require(format_ledger(again) == kept, "a ledger survives a round trip")


_READERS: dict[bytes, Callable[[bytes], None]] = {
    b"sha256": _read_ledger,
    b"new_filename": _read_paintings,
    b"image1": _read_comparisons,
    b"file": _read_collection,
    b"fold": _read_folds,
    b"c1": _read_lists,
    b"left": _read_pairs,
}


def read_recipe(data: bytes) -> None:
    """A recipe from a file; or after a zero byte, settings between further ones, laid over a recipe of the package."""
    with _refusing():
        if data[:1] == b"\0":
            words = data[1:].decode("utf-8", "surrogateescape").split("\0")
            recipe = load_recipe(("adapter", "from-scratch", "best")[len(words) % 3], words)
        else:
            recipe = load_recipe(str(_written("mine.toml", data)))
        kept = tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))
        _require(parse_recipe(tomllib.loads(kept), "a run's recipe") == recipe, "a run keeps its recipe")


def read_image(data: bytes) -> None:
    """An image, and the thumbnail that a collection keeps of it; no more than a million pixels are let in."""
    with _refusing(), _few_pixels():
        pixels = decode_image(data, "image.jpg", max_side=64)
        shape = pixels.shape
        _require(pixels.dtype == np.uint8 and shape[2:] == (3,) and min(shape) > 0 and max(shape) <= 64, "RGB")
        kept = make_thumbnail(data, "image.jpg", 64)
        with Image.open(io.BytesIO(kept)) as thumbnail:
            _require(thumbnail.format in ("JPEG", "MPO") and max(thumbnail.size) <= 64, "a thumbnail is a small JPEG")


def read_submission(data: bytes) -> None:
    """A submission, as `tlk check-submission` and `tlk eval --submission` judge it; the lists are read elsewhere."""
    file = _written("submission.csv", data)
    with _refusing():
        faults = submission_faults(read_table(file), QUERIES, len(CANDIDATES))
        _require(all(fault.isprintable() and len(fault) <= LONGEST_LINE for fault in faults), "faults fit a line")
        if not faults:
            scores = parse_submission(parse_table(data, "submission.csv"), QUERIES, len(CANDIDATES))
            _require(scores.shape == (3, 3) and bool(np.isfinite(scores).all()), "a valid one has finite scores")
            again = parse_table(format_submission(QUERIES, scores).encode(), "submission.csv")
            faults = [fault for fault in submission_faults(again, QUERIES, 3) if "equal" not in fault]  # nine digits
            _require(not faults, "what is written again is valid")
            ranks = list_ranks(standardise(scores), scores.argmin(axis=1))
            _require(bool((ranks == len(CANDIDATES)).all()), "the lowest score is the last, whatever the scale")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "csv": read_csv,
    "recipe": read_recipe,
    "image": read_image,
    "submission": read_submission,
}
LONGEST = {"csv": 512, "recipe": 1024, "image": 2048, "submission": 256}  # bytes of an input


@contextmanager
def _refusing() -> Iterator[None]:
    """Let a good UserError pass."""
    try:
        yield
    except UserError as error:
        lines = str(error).split("\n")
        _require(len(lines) <= 3, f"a message of at most three lines: {error}")
        _require(all(line.isprintable() for line in lines), f"nothing that a terminal would obey: {str(error)!r}")
        _require(max(map(len, lines)) <= LONGEST_LINE, f"lines that can be read: {str(error)[:9000]}")


@contextmanager
def _few_pixels() -> Iterator[None]:
    before, tlk.data.images.MAX_PIXELS = tlk.data.images.MAX_PIXELS, PIXELS
    try:
        yield
    finally:
        tlk.data.images.MAX_PIXELS = before


def _require(kept: bool, promise: str) -> None:
    if not kept:
        raise BrokenPromiseError(promise)


@cache
def _scratch() -> Path:
    """Return a folder of this process's own, in memory where there is such a place."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="tlk-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _written(name: str, data: bytes) -> Path:
    """Write a file of the scratch folder, and return where it lies."""
    place = _scratch() / name
    if not place.parent.is_dir():
        place.parent.mkdir()
    place.write_bytes(data)
    return place


@cache
def _competition(name: str) -> Path:
    """Return a competition of three queries, called `name`; nothing here looks into its images."""
    folder = _scratch() / name
    for half in ("train", "test"):
        for side, names in (("left", QUERIES), ("right", CANDIDATES)):
            place = folder / half / side
            place.mkdir(parents=True)
            for image in names:
                (place / f"{image}.jpg").touch()
    lists = ((query, *CANDIDATES) for query in QUERIES)
    pairs = tuple(zip(QUERIES, CANDIDATES, strict=True))
    (folder / "test_candidates.csv").write_text(format_table(("left", "c0", "c1", "c2"), lists))
    (folder / "train.csv").write_text(format_table(("left", "right"), pairs))
    (folder / "test_truth.csv").write_text(format_table(("left", "right"), pairs))
    return folder
