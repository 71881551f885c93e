"""Submissions: written, checked, read."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlk.errors import UserError
from tlk.submission import format_submission, parse_submission, submission_faults, submission_header
from tlk.tables import parse_table

QUERIES = ("q1", "q2", "q3")
GOOD = "left,c0,c1\nq1,0.1,0.2\nq2,-1,2e-3\nq3,0,1\n"


def faults(text: str) -> list[str]:
    return submission_faults(parse_table(text.encode(), "s.csv"), QUERIES, 2)


def test_the_header_counts_candidates() -> None:
    assert submission_header(3) == ("left", "c0", "c1", "c2")


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
def test_single_precision_scores_survive_the_round_trip(values: list[float]) -> None:
    scores = np.array(values, np.float32).reshape(2, 2)
    text = format_submission(["a", 'b,"c'], scores)
    table = parse_table(text.encode(), "s.csv")
    assert table.column("left") == ["a", 'b,"c']
    read = np.array([[float(cell) for cell in row[1:]] for row in table.rows], np.float32)
    assert np.array_equal(read, scores)
    assert format_submission(["a", 'b,"c'], read) == text


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_not_finite_is_never_written(wrong: float) -> None:
    with pytest.raises(UserError, match="the score of query 'q2' is not finite"):
        format_submission(["q1", "q2"], np.array([[0.0, 1.0], [0.0, wrong]]))


def test_as_many_rows_as_queries() -> None:
    with pytest.raises(ValueError, match="shorter"):
        format_submission(["q1", "q2"], np.zeros((1, 2)))


def test_a_good_submission_has_no_faults_and_is_read() -> None:
    assert faults(GOOD) == []
    scores = parse_submission(parse_table(GOOD.encode(), "s.csv"), QUERIES, 2)
    assert scores.tolist() == [[0.1, 0.2], [-1, 0.002], [0, 1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("left,c1,c0\nq1,0,1\n", ["the columns stand in another order than left,c0,c1,…"]),
        ("left,c0,c1,c2\nq1,0,1,2\n", ["wrong header: expected left,c0,…,c1, found 4 columns"]),
        ("left,c0,c1\nq1,0,1\nq3,0,1\n", ["1 queries are missing, such as 'q2'"]),
        (GOOD + "q0,0,1\nq9,0,1\n", ["2 queries are not in the test lists, such as 'q0'"]),
        (GOOD + "q1,0,1\n", ["1 queries stand in it twice"]),
        ("left,c0,c1\nq2,0,1\nq1,0,1\nq3,0,1\n", ["the rows stand in another order than in test_candidates.csv"]),
        (GOOD.replace("2e-3", "x"), ["line 3: a score is not a finite number"]),
        (GOOD.replace("2e-3", ""), ["line 3: a score is not a finite number"]),
        (GOOD.replace("2e-3", "nan"), ["line 3: a score is not a finite number"]),
        (GOOD.replace("2e-3", "1e999"), ["line 3: a score is not a finite number"]),
        (GOOD.replace("2e-3", "-1.0"), ["line 3: all scores are equal, so nothing is picked"]),
        (GOOD.replace("q2,-1", "q1,x"), [
            "1 queries are missing, such as 'q2'",
            "1 queries stand in it twice",
            "line 3: a score is not a finite number",
        ]),
    ],
)  # fmt: skip
def test_faults_are_named(text: str, expected: list[str]) -> None:
    assert faults(text) == expected


def test_many_faults_make_one_short_message() -> None:
    text = "left,c0,c1\n" + "".join(f"{query},x,y\n" for query in QUERIES) + "q4,1,1\nq4,1,1\n"
    with pytest.raises(UserError) as caught:
        parse_submission(parse_table(text.encode(), "s.csv"), QUERIES, 2)
    message = str(caught.value)
    assert message.startswith("s.csv: 1 queries are not in the test lists, such as 'q4'; 1 queries stand in it twice; ")
    assert message.endswith("; and 4 more\nwrite it with tlk predict, or mend it")
