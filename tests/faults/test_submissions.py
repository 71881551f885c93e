"""Submissions as people write them: judged by row and column before they cost a day's attempt."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Change, Rows, rows

FILE = "mine.csv"
CHECK = ["check-submission", FILE]


def score(value: str, line: int = 4, column: int = 3) -> Change:
    return rows(lambda table: table[line - 1].__setitem__(column, value))


def reordered(table: Rows) -> None:
    for row in table:
        row[1], row[2] = row[2], row[1]


def without_column(table: Rows) -> None:
    for row in table:
        row.pop()


def with_column(table: Rows) -> None:
    for number, row in enumerate(table):
        row.append("c20" if not number else "0.5")


def with_index(table: Rows) -> None:
    """What pandas writes where nobody tells it not to."""
    for number, row in enumerate(table):
        row.insert(0, str(number - 1) if number else "")


def every_score(change: Callable[[str], str]) -> Change:
    return rows(lambda table: [row.__setitem__(slice(1, None), map(change, row[1:])) for row in table[1:]])


# What is valid, and whether it says the same as before.
WORKS: list[tuple[str, Change, bool]] = [
    ("a submission with a byte-order mark is valid", lambda data: b"\xef\xbb\xbf" + data, True),
    ("a submission with line ends of Windows is valid", lambda data: data.replace(b"\n", b"\r\n"), True),
    ("a submission with a blank line at the end is valid", lambda data: data + b"\n", True),
    ("a submission without the last line end is valid", lambda data: data.rstrip(b"\n"), True),
    ("scores below zero are valid", every_score(lambda text: f"-{text}"), False),
    ("scores of any size are valid", every_score(lambda text: f"{float(text) * 1e300:.17g}"), True),
    ("scores of next to nothing are valid", every_score(lambda text: f"{float(text) * 1e-300:.17g}"), True),
    ("scores with an exponent are valid", every_score(lambda text: f"{float(text):e}"), True),
    ("whole numbers are valid", every_score(lambda text: str(int(1e6 * float(text)))), False),
    ("scores with a sign are valid", every_score(lambda text: f"+{text}"), True),
    ("scores in quotes are valid", lambda data: "\n".join(map(in_quotes, data.decode().splitlines())).encode(), True),
    ("two candidates that score alike are valid", score("0.5"), False),
]


def in_quotes(line: str) -> str:
    return ",".join(f'"{cell}"' for cell in line.split(","))


REFUSED: list[tuple[str, Change, str]] = [
    ("a score of NaN is refused", score("NaN"), "line 4: a score is not a finite number"),
    ("a score of nan is refused", score("nan"), "line 4: a score is not a finite number"),
    ("an infinite score is refused", score("inf"), "line 4: a score is not a finite number"),
    ("a score of -Infinity is refused", score("-Infinity"), "line 4: a score is not a finite number"),
    ("a score too large for a number is refused", score("1e400"), "line 4: a score is not a finite number"),
    ("an empty score is refused", score(""), "line 4: a score is not a finite number"),
    ("a word for a score is refused", score("high"), "line 4: a score is not a finite number"),
    ("None for a score is refused", score("None"), "line 4: a score is not a finite number"),
    ("True for a score is refused", score("True"), "line 4: a score is not a finite number"),
    ("a percentage is refused", score("50%"), "line 4: a score is not a finite number"),
    ("a comma for a point is refused", score("0,5"), "line 4: a score is not a finite number"),
    ("a score in hexadecimal is refused", score("0x1p3"), "line 4: a score is not a finite number"),
    ("a score with underscores is refused", score("1_000"), "line 4: a score is not a finite number"),
    ("a score in Arabic digits is refused", score("٠.٥"), "line 4: a score is not a finite number"),
    ("a list for a score is refused", score("[0.5]"), "line 4: a score is not a finite number"),
    ("a formula for a score is refused", score("=1/2"), "line 4: a score is not a finite number"),
    (
        "a row of equal scores is refused",
        rows(lambda t: t[3].__setitem__(slice(1, None), ["0.5"] * 20)),
        "line 4: all scores",
    ),
    ("equal scores everywhere are refused", every_score(lambda text: "0.5"), "and 17 more"),
    (
        "a row of zeros written in many ways is refused",
        rows(lambda t: t[3].__setitem__(slice(1, None), ["0", "0.0", "-0", "0e9"] * 5)),
        "line 4: all scores",
    ),
    ("a row that is missing is refused", rows(lambda t: t.pop(3)), "1 queries are missing"),
    ("half of the rows are refused", rows(lambda t: t.__delitem__(slice(11, None))), "10 queries are missing"),
    (
        "a query that is not asked is refused",
        rows(lambda t: t.append(["zzzz", *t[3][1:]])),
        "not in the test lists, such as 'zzzz'",
    ),
    ("a query that is answered twice is refused", rows(lambda t: t.append(t[3])), "1 queries stand in it twice"),
    ("a query with a blank after it is another", rows(lambda t: t[3].__setitem__(0, t[3][0] + " ")), "are missing"),
    ("a query with its ending is another", rows(lambda t: t[3].__setitem__(0, t[3][0] + ".jpg")), "are missing"),
    ("rows in another order are refused", rows(lambda t: t.append(t.pop(3))), "the rows stand in another order"),
    ("columns of scores in another order are refused", rows(reordered), "the columns stand in another order"),
    ("a column too few is refused", rows(without_column), "expected left,c0,…,c19, found 20 columns"),
    ("a column of scores too many is refused", rows(with_column), "expected left,c0,…,c19, found 22 columns"),
    ("an index that pandas wrote is refused", rows(with_index), "found 22 columns"),
    ("a submission without a header is refused", rows(lambda t: t.pop(0)), "wrong header"),
    ("a submission's header in capitals is refused", lambda data: data.replace(b"left", b"LEFT", 1), "wrong header"),
    ("a header without scores is refused", lambda data: data.splitlines()[0], "20 queries are missing"),
    ("an empty submission is refused", lambda data: b"", "is empty"),
    ("a row of scores too short is refused", rows(lambda t: t[3].pop()), "line 4: 20 cells where the header has 21"),
    (
        "a row of scores too long is refused",
        rows(lambda t: t[3].append("0.5")),
        "line 4: 22 cells where the header has 21",
    ),
    ("scores between semicolons are refused", lambda data: data.replace(b",", b";"), "wrong header"),
    ("scores between tabs are refused", lambda data: data.replace(b",", b"\t"), "wrong header"),
    (
        "commas for points, with semicolons, are refused",
        lambda data: data.replace(b",", b";").replace(b".", b","),
        "header",
    ),
    ("a submission in UTF-16 is refused", lambda data: data.decode().encode("utf-16"), "UTF-8"),
    ("a submission of bytes is refused", lambda data: data[:50] + bytes(range(256)), "UTF-8"),
    ("a submission that is cut off is refused", lambda data: data[: len(data) // 2], "cells where the header has 21"),
    ("a quote that is not closed is refused", lambda data: data + b'"', "line 22"),
    (
        "picks instead of scores are refused",
        rows(lambda t: [row.__setitem__(slice(1, None), row[1:3]) for row in t]),
        "header",
    ),
]
CASES = [*WORKS, *REFUSED]


@pytest.fixture
def sample(data: Path) -> bytes:
    return (data / "sample-submission.csv").read_bytes()


@pytest.mark.parametrize(("change", "same"), [case[1:] for case in WORKS], ids=[case[0] for case in WORKS])
def test_it_is_valid(change: Change, same: bool, sample: bytes, works: Any) -> None:
    Path(FILE).write_bytes(change(sample))
    assert works(CHECK) == f"{FILE}: valid\n"
    judge = ["eval", "--json", "--submission"]
    (judged,), (before,) = (json.loads(works([*judge, file])) for file in (FILE, "data/sample-submission.csv"))
    assert judged["n"] == 20
    assert judged["top_k"] == before["top_k"] or not same


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_it_is_refused_and_named(change: Change, words: str, sample: bytes, refused: Any) -> None:
    Path(FILE).write_bytes(change(sample))
    refused(CHECK, FILE, words)
    refused(["eval", "--submission", FILE], FILE, words)


def test_what_is_no_file_is_refused(data: Path, refused: Any) -> None:
    Path(FILE).mkdir()
    refused(CHECK, FILE, "Is a directory")
    refused(["check-submission", "none.csv"], "none.csv", "No such file")
    refused(["check-submission", "\0"], "embedded null byte")
