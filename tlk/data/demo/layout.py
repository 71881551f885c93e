"""The embedded competition: pairs of look-alikes, drawn by the tool itself, in the competition's own layout.

It needs no download and nobody's pictures, and it is as hard as the real one is for raw pixels, so that every command
can be tried, tested and timed anywhere.
"""

import string
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np

from tlk.constants import CANDIDATES
from tlk.data.demo.pairs import Side, Stratum, draw_pair
from tlk.data.jpeg import to_jpeg
from tlk.errors import UserError
from tlk.files import filling
from tlk.seeding import generator
from tlk.tables import format_table

LETTERS = string.ascii_lowercase
IDS = len(LETTERS) ** 3
Rows = list[tuple[str, ...]]


def draw_competition(folder: Path, pairs: int = 400, queries: int = 200, seed: int = 0) -> None:
    """Draw the embedded competition into `folder`: `pairs` to train on and `queries` to answer.

    The same seed gives the same bytes on one machine, and pair i does not depend on how many there are. `folder` is
    complete or not there at all.

    Raises:
        UserError: fewer than two pairs or queries, more than there are ids, or a folder that cannot be filled.
    """
    _require_counts(pairs, queries)
    with filling(folder) as drawn:
        _draw_train(drawn, pairs, seed)
        _draw_test(drawn, queries, seed)


def _require_counts(pairs: int, queries: int) -> None:
    for count, what in ((pairs, "pairs"), (queries, "queries")):
        if not 2 <= count <= IDS:
            raise UserError(f"{count} {what} cannot be drawn\nask for a number from 2 to {IDS}")


def _draw_train(folder: Path, pairs: int, seed: int) -> None:
    links, strata = _draw_half(folder, "train", pairs, seed)
    _write(folder / "train.csv", ("left", "right"), links)
    _write_strata(folder / "train_strata.csv", links, strata)


def _draw_test(folder: Path, queries: int, seed: int) -> None:
    links, strata = _draw_half(folder, "test", queries, seed)
    _write(folder / "test_truth.csv", ("left", "right"), links)
    _write_strata(folder / "test_strata.csv", links, strata)
    lists = _candidate_lists(links, generator(seed, "test", "lists"))
    header = ("left", *(f"c{i}" for i in range(len(lists[0]) - 1)))
    _write(folder / "test_candidates.csv", header, lists)
    scores = generator(seed, "sample submission").random((len(lists), len(header) - 1))
    sample = [(row[0], *(f"{score:.9f}" for score in line)) for row, line in zip(lists, scores, strict=True)]
    _write(folder / "sample-submission.csv", header, sample)


def _draw_half(folder: Path, half: str, count: int, seed: int) -> tuple[Rows, list[Stratum]]:
    """Draw `count` pairs; return their (left, right) ids sorted by the left one, and their strata alike."""
    sides: tuple[Side, Side] = ("left", "right")
    for side in sides:
        (folder / half / side).mkdir(parents=True)
    left_ids, right_ids = (_ids(count, generator(seed, half, side, "ids")) for side in sides)
    drawn = []
    for index, (left_id, right_id) in enumerate(zip(left_ids, right_ids, strict=True)):
        left, right, stratum = draw_pair(seed, half, index)
        (folder / half / "left" / f"{left_id}.jpg").write_bytes(to_jpeg(left))
        (folder / half / "right" / f"{right_id}.jpg").write_bytes(to_jpeg(right))
        drawn.append(((left_id, right_id), stratum))
    drawn.sort(key=lambda pair: pair[0])
    return [link for link, _ in drawn], [stratum for _, stratum in drawn]


def _ids(count: int, random: np.random.Generator) -> list[str]:
    # The first of one and the same shuffle, so that a pair keeps its ids when there are more of them.
    chosen = random.permutation(IDS)[:count].tolist()
    base = len(LETTERS)
    return [LETTERS[n // base**2] + LETTERS[n // base % base] + LETTERS[n % base] for n in chosen]


def _candidate_lists(links: Rows, random: np.random.Generator) -> Rows:
    """Return a row (left, c0, c1, …) for each query: its truth and random other right images, in random order."""
    rights = [right for _, right in links]
    length = min(CANDIDATES, len(rights))
    rows: Rows = []
    for query, (left, truth) in enumerate(links):
        others = random.choice(len(rights) - 1, length - 1, replace=False)
        candidates = [rights[other + (other >= query)] for other in others]
        candidates.insert(int(random.integers(length)), truth)
        rows.append((left, *candidates))
    return rows


def _write_strata(path: Path, links: Rows, strata: Sequence[Stratum]) -> None:
    header = ("left", "right", *(field.name for field in fields(Stratum)))
    rows = [
        (*link, *(str(int(value)) if isinstance(value, bool) else value for value in astuple(stratum)))
        for link, stratum in zip(links, strata, strict=True)
    ]
    _write(path, header, rows)


def _write(path: Path, header: Sequence[str], rows: Rows) -> None:
    path.write_bytes(format_table(header, rows).encode())
