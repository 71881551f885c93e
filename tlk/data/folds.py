"""Folds: a table `left,right,group,fold` in which no group straddles two folds."""

import zlib
from dataclasses import dataclass

import numpy as np

from tlk.data.competition import Pairs
from tlk.errors import UserError
from tlk.seeding import generator
from tlk.tables import Table, format_table, require_header

HEADER = ("left", "right", "group", "fold")


@dataclass(frozen=True)
class Folds:
    """Pairs with the group and the fold of each, `(n,)` integers."""

    pairs: Pairs
    group: np.ndarray
    fold: np.ndarray

    @property
    def count(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1

    @property
    def list_seed(self) -> int:
        """The seed of the candidate lists: it belongs to the folds, so that runs on them compare pair by pair."""
        return zlib.crc32(self.to_csv().encode())

    def to_csv(self) -> str:
        """Return the table as CSV."""
        rows = zip(self.pairs.lefts, self.pairs.rights, map(str, self.group), map(str, self.fold), strict=True)
        return format_table(HEADER, rows)


def assign_folds(group: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Return the `(n,)` fold of each pair: whole groups, folds as equal in size as the groups allow.

    Groups go to the smallest fold so far, the large ones first, in seeded order among equals. `group` is `(n,)` int.

    Raises:
        UserError: fewer than two folds, or fewer groups than folds, so that a fold would stay empty.
    """
    labels, member, sizes = np.unique(group, return_inverse=True, return_counts=True)
    if k < 2:
        raise UserError(f"--k {k}: at least 2 folds are needed")
    if len(labels) < k:
        groups = f"{len(labels)} groups of pairs" if len(labels) > 1 else "1 group of pairs"
        remedy = "use fewer folds" if len(labels) > 1 else "bring pairs that are not near-duplicates of each other"
        raise UserError(f"--k {k}: only {groups}, so a fold would be empty\n{remedy}")
    shuffled = generator(seed, "folds").permutation(len(labels))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    filled = np.zeros(k, np.int64)
    fold_of_label = np.empty(len(labels), np.int64)
    for label in order:
        fold_of_label[label] = filled.argmin()
        filled[fold_of_label[label]] += sizes[label]
    return fold_of_label[member]


def split_groups(group: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return an `(n,)` mask that holds about `fraction` of the pairs, whole groups only: an inner validation split."""
    labels, member, sizes = np.unique(group, return_inverse=True, return_counts=True)
    order = generator(seed, "inner split").permutation(len(labels))
    before = np.concatenate([[0], np.cumsum(sizes[order])[:-1]])
    held = np.zeros(len(labels), bool)
    held[order[before < fraction * len(group)]] = True
    return held[member]


def folds_from_table(table: Table, pairs: Pairs) -> Folds:
    """Read a fold table and require that it covers `pairs` exactly; rows may be in any order.

    Raises:
        UserError: wrong header, a cell that is not a whole number, a fold that is empty, a group in two folds, or
            other pairs than the data's.
    """
    require_header(table, HEADER)
    rows = {}
    for line, (left, right, group, fold) in zip(table.lines, table.rows, strict=True):
        if not (group.isdecimal() and fold.isdecimal() and len(group) <= 9 and len(fold) <= 4):
            given = f"{group[:20]!r}, {fold[:20]!r}"
            raise UserError(f"{table.name}, line {line}: group and fold are whole numbers from 0, not {given}")
        rows[left, right] = (int(group), int(fold))
    wanted = list(zip(pairs.lefts, pairs.rights, strict=True))
    if len(table.rows) != len(wanted) or set(rows) != set(wanted):
        what = "its pairs are not those of the data"
        raise UserError(
            f"{table.name}: {what}\nmake the folds again: tlk folds --out FILE, then tlk train --folds FILE"
        )
    group, fold = np.array([rows[pair] for pair in wanted], np.int64).T
    used = np.unique(fold)
    if len(used) < 2 or used[-1] != len(used) - 1:
        empty = sorted(set(range(int(used[-1]) + 1)) - set(used.tolist()))
        what = f"fold {empty[0]} is empty" if empty else "there is only one fold"
        raise UserError(f"{table.name}: {what}\nfolds are numbered from 0 without gaps, at least two of them")
    crossing = np.unique(np.column_stack([group, fold]), axis=0)[:, 0]
    straddling = crossing[1:][crossing[1:] == crossing[:-1]]
    if len(straddling):
        raise UserError(f"{table.name}: group {straddling[0]} stands in two folds\nkeep each group in one fold")
    return Folds(pairs, group, fold)
