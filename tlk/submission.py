"""Submissions: `left,c0,…`, one score a candidate, in the order of the test lists. Pure functions over tables."""

import math
from collections.abc import Sequence

import numpy as np

from tlk.errors import UserError, shown, summarise
from tlk.tables import Table, format_table


def format_submission(queries: Sequence[str], scores: np.ndarray) -> str:
    """Return the CSV of `(n, m)` scores, larger = more alike; nine digits, so that a re-run writes the same bytes.

    Raises:
        UserError: a score is not finite.
    """
    require_finite(queries, scores)
    rows = ([query, *(f"{score:.9g}" for score in row)] for query, row in zip(queries, scores, strict=True))
    return format_table(submission_header(scores.shape[1]), rows)


def require_finite(queries: Sequence[str], scores: np.ndarray) -> None:
    """Raise a UserError unless all of the `(n, m)` scores are finite."""
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores).all(axis=1))[0])
        raise UserError(f"the score of query {queries[row]!r} is not finite\ntrain the run again")


def submission_header(length: int) -> tuple[str, ...]:
    """Return the header for lists of `length` candidates."""
    return ("left", *(f"c{i}" for i in range(length)))


def submission_faults(table: Table, queries: Sequence[str], length: int) -> list[str]:
    """Return what is wrong with a submission for the lists of `queries`; an empty list if it will be accepted."""
    if table.header != submission_header(length):
        expected = submission_header(length)
        if sorted(table.header) == sorted(expected):
            return ["the columns stand in another order than left,c0,c1,…"]
        return [f"wrong header: expected left,c0,…,c{length - 1}, found {len(table.header)} columns"]
    found = table.column("left")
    missing, unknown = set(queries) - set(found), set(found) - set(queries)
    faults = []
    if missing:
        faults.append(f"{len(missing)} queries are missing, such as {shown(min(missing))}")
    if unknown:
        faults.append(f"{len(unknown)} queries are not in the test lists, such as {shown(min(unknown))}")
    if len(set(found)) < len(found):
        faults.append(f"{len(found) - len(set(found))} queries stand in it twice")
    if not faults and list(queries) != found:
        faults.append("the rows stand in another order than in test_candidates.csv")
    for row, line in zip(table.rows, table.lines, strict=True):
        values = [_number(cell) for cell in row[1:]]
        if not all(map(math.isfinite, values)):
            faults.append(f"line {line}: a score is not a finite number")
        elif len(set(values)) == 1:
            faults.append(f"line {line}: all scores are equal, so nothing is picked")
    return faults


def parse_submission(table: Table, queries: Sequence[str], length: int) -> np.ndarray:
    """Return the `(n, length)` scores of a submission.

    Raises:
        UserError: it has faults.
    """
    faults = submission_faults(table, queries, length)
    if faults:
        raise UserError(f"{table.name}: {summarise(faults)}\nwrite it with tlk predict, or mend it")
    return np.array([[float(cell) for cell in row[1:]] for row in table.rows])


def _number(cell: str) -> float:
    """Return the number in a cell, or nan; `1_0` and other digits than 0–9 are Python's alone, not a CSV's."""
    try:
        return float(cell) if cell.isascii() and "_" not in cell else math.nan
    except ValueError:
        return math.nan
