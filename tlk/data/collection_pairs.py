"""The parts and pairs of a collection, read from the tables that `tlk data pairs` writes."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.data.collection import Collection
from tlk.data.parts import LEFT_OUT, PARTS
from tlk.data.relevance import RULES
from tlk.errors import UserError
from tlk.tables import Table, read_table, refuse_repeats

PARTS_TABLE, PAIRS_TABLE = "parts.csv", "pairs.csv"
PARTS_HEADER = ("id", "group", "part")
PAIRS_HEADER = ("left", "right", "match", "rule", "part")


@dataclass(frozen=True)
class CollectionPairs:
    """`(n,)` group and part of each image, and `(m,)` images, verdict, rule and part of each pair.

    `rule` numbers `rules`; `part` is -1 for an image that was left out.
    """

    group: np.ndarray
    image_part: np.ndarray
    left: np.ndarray
    right: np.ndarray
    match: np.ndarray
    rule: np.ndarray
    part: np.ndarray
    rules: tuple[str, ...]


def read_pairs(collection: Collection, folder: Path) -> CollectionPairs:
    """Read both tables of a collection.

    Raises:
        UserError: they have not been made, or are not of this collection or not of each other.
    """
    numbers = {name: number for number, name in enumerate(collection.ids)}
    parts, pairs = (_table(folder, name, header) for name, header in _TABLES)
    refuse_repeats(parts, "id")
    group, image_part = np.arange(len(collection)), np.full(len(collection), LEFT_OUT)
    for line, (name, own, part) in zip(parts.lines, parts.rows, strict=True):
        if not (own.isdecimal() and len(own) <= _DIGITS):
            raise UserError(f"{parts.name}, line {line}: group {own[:20]!r} is no whole number\n{_AGAIN} {folder}")
        image = _known(parts, line, name, numbers, folder)
        group[image] = int(own) + len(collection)  # images that were left out stay by themselves
        image_part[image] = _known(parts, line, part, _PART_NUMBERS, folder)
    _require_whole_groups(parts, group, image_part, numbers, folder)
    rules = tuple(dict.fromkeys(pairs.column("rule")))
    for name in rules:
        if not set(name.split("+")) <= RULES.keys():
            line = pairs.lines[pairs.column("rule").index(name)]
            raise UserError(f"{pairs.name}, line {line}: there is no rule {name[:40]!r}\n{_AGAIN} {folder}")
    columns = zip(
        ("left", "right", "match", "rule", "part"),
        (numbers, numbers, {"0": 0, "1": 1}, {rule: i for i, rule in enumerate(rules)}, _PART_NUMBERS),
        strict=True,
    )
    cells = [
        np.array(
            [
                _known(pairs, line, text, known, folder)
                for line, text in zip(pairs.lines, pairs.column(name), strict=True)
            ]
        )
        for name, known in columns
    ]
    left, right, match, rule, part_of_pair = cells
    strayed = (image_part[left] != part_of_pair) | (image_part[right] != part_of_pair) | (left == right)
    if strayed.any():  # as where only one of the tables is new: what is learned and what is tested would mix
        row = int(np.argmax(strayed))
        what = f"{pairs.name}, line {pairs.lines[row]}: not two images of the {PARTS[part_of_pair[row]]} part"
        raise UserError(f"{what}, as {PARTS_TABLE} has it\n{_AGAIN} {folder}")
    return CollectionPairs(group, image_part, left, right, match == 1, rule, part_of_pair, rules)


_TABLES = ((PARTS_TABLE, PARTS_HEADER), (PAIRS_TABLE, PAIRS_HEADER))
_PART_NUMBERS = {name: number for number, name in enumerate(PARTS)}
_DIGITS = 15  # of a group: more are no number that an array holds
_AGAIN = "make the tables again: tlk data pairs"


def _table(folder: Path, name: str, header: tuple[str, ...]) -> Table:
    if not (folder / name).is_file():
        raise UserError(f"{folder} has no {name}\nmake parts and pairs: tlk data pairs {folder}")
    table = read_table(folder / name, lambda width: header)
    if not table.rows:
        raise UserError(f"{table.name} has a header but no rows\n{_AGAIN} {folder}")
    return table


def _require_whole_groups(
    parts: Table, group: np.ndarray, image_part: np.ndarray, numbers: dict[str, int], folder: Path
) -> None:
    """Raise a UserError if near-duplicates, or views of one object, stand in two parts."""
    first: dict[int, int] = {}
    for line, name in zip(parts.lines, parts.column("id"), strict=True):
        image = numbers[name]
        part = first.setdefault(int(group[image]), int(image_part[image]))
        if part != image_part[image]:
            what = f"{parts.name}, line {line}: its group has images in the {PARTS[part]} part, too"
            raise UserError(f"{what}\nkeep each group in one part, or {_AGAIN} {folder}")


def _known(table: Table, line: int, text: str, known: dict[str, int], folder: Path) -> int:
    if text not in known:
        allowed = f"none of {', '.join(known)}" if len(known) <= len(PARTS) else "none of the collection's"
        raise UserError(f"{table.name}, line {line}: {text[:40]!r} is {allowed}\n{_AGAIN} {folder}")
    return known[text]
