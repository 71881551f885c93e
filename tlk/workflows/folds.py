"""Fold tables: grouped by near-duplicates, made once, kept under version control."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tlk.constants import FOLDS
from tlk.data.competition import Competition
from tlk.data.folds import HEADER, Folds, assign_folds, folds_from_table
from tlk.data.reader import ImageReader
from tlk.duplicates import find_duplicates, group_pairs
from tlk.errors import UserError
from tlk.files import write_text
from tlk.tables import read_table
from tlk.workflows.outputs import require_output
from tlk.workflows.progress import Reporter
from tlk.workflows.workspace import Workspace

# Lower than for reporting: a pair grouped in error costs nothing, one missed may leak between folds.
GROUPING_INLIERS = 24


def default_path(data_name: str, k: int = FOLDS, seed: int = 0) -> Path:
    """Return where the fold table of some data lies."""
    return Path("folds") / f"{data_name}-k{k}-seed{seed}.csv"


def make_folds(workspace: Workspace, k: int, seed: int, out: Path | None, reporter: Reporter) -> tuple[Folds, Path]:
    """Find near-duplicates among the training images, assign folds, write the table.

    Raises:
        UserError: there are too few pairs, the table cannot be written, or unasked it would replace one of other pairs.
    """
    competition = workspace.competition()
    path = out or default_path(competition.name, k, seed)
    require_output(path, workspace, over_folds=True)
    if out is None:
        _refuse_other_pairs(path, competition)
    folds = _assign(competition, workspace.reader(competition, passes=2), k, seed, reporter)
    write_text(path, folds.to_csv())
    return folds, path


def folds_of(
    competition: Competition, reader: ImageReader, path: Path | None, reporter: Reporter
) -> tuple[Folds, Path]:
    """Return the folds in the table at `path`, or else the default ones, made now if they are not there yet.

    They are of all pairs that are listed, those that are left out, too: mended images leave all folds as they were.
    """
    table = path or default_path(competition.name)
    if path is not None or table.exists():
        return folds_from_table(read_table(table, lambda width: HEADER), competition.listed_pairs()), table
    folds = _assign(competition, reader, FOLDS, 0, reporter)
    write_text(table, folds.to_csv())
    reporter.note(f"folds written to {table}")
    return folds, table


def _refuse_other_pairs(path: Path, competition: Competition) -> None:
    """Raise a UserError if a table is there that is of other pairs: data in another folder of the same name, say."""
    try:
        table = read_table(path, lambda width: HEADER)
    except UserError:  # there is none, or none that could be used
        return
    pairs = competition.listed_pairs()
    if {(row[0], row[1]) for row in table.rows} != set(zip(pairs.lefts, pairs.rights, strict=True)):
        raise UserError(
            f"{path} is of other pairs than those in {competition.source.location}: it is kept\n"
            "remove it, or name another: tlk folds --out FILE, then tlk train --folds FILE"
        )


def _assign(competition: Competition, reader: ImageReader, k: int, seed: int, reporter: Reporter) -> Folds:
    pairs = competition.listed_pairs()
    left, right = competition.images("train/left"), competition.images("train/right")
    group = _group(reader, [*map(left.get, pairs.lefts), *map(right.get, pairs.rights)], reporter)
    return Folds(pairs, group, assign_folds(group, k, seed))


def _group(reader: ImageReader, places: Sequence[str | None], reporter: Reporter) -> np.ndarray:
    """Return the `(n,)` groups of pairs from the paths of the left images, then the right ones; None for one left out.

    What is left out is no duplicate of anything.
    """
    there, paths = np.flatnonzero([path is not None for path in places]), [path for path in places if path is not None]
    with reporter.track("near-duplicates") as progress:
        found = find_duplicates(
            reader.images(paths),
            reader.keys(paths),
            minimum_inliers=GROUPING_INLIERS,
            progress=lambda done: progress(done, len(paths)),
        )
    found, count = replace(found, first=there[found.first], second=there[found.second]), len(places) // 2
    return group_pairs(np.arange(count), np.arange(count, 2 * count), found)
