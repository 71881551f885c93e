"""The trail of submissions in the report."""

from pathlib import Path

import pytest

from tlk.workflows.ledger_rows import Entry, format_ledger
from tlk.workflows.report_ledger import submissions


def entry(file: str, data: str = "d", local: float | None = 0.5, **answers: float) -> Entry:
    low, high = (None, None) if local is None else (local - 0.05, local + 0.05)
    return Entry(file, "0" * 64, "r", "best", data, local, low, high, False, False, "2026-01-31T12:00:00Z", **answers)


def write(*entries: Entry) -> None:
    Path("submissions").mkdir()
    Path("submissions/ledger.csv").write_text(format_ledger(entries), encoding="utf-8")


def test_nothing_without_rows_of_the_data(workspace_folder: Path) -> None:
    assert submissions(["d"]) == (None, [])
    write(entry("a.csv", data="other"))
    assert submissions(["d"]) == (None, [])


def test_answers_are_set_against_what_was_expected(workspace_folder: Path) -> None:
    write(entry("a.csv", public=0.61), entry("b.csv", local=0.7, public=0.66, private=0.64), entry("c.csv", local=None))
    section, notes = submissions(["d"])
    assert section is not None
    assert notes == []
    assert [row[3:6] for row in section.tables[0].rows] == [
        ("50.0 [45.0, 55.0]", "61.0", "–"),
        ("70.0 [65.0, 75.0]", "66.0", "64.0"),
        ("–", "–", "–"),
    ]
    public, private = section.charts
    first, second = (mark.points[0] for mark in public.marks if mark.kind == "dot")
    assert first[0] < second[0]  # the leaderboard goes from left to right
    assert first[1] > second[1]  # and what was expected upwards
    assert [mark.series for mark in public.marks if mark.kind == "line"] == [1]  # the diagonal alone
    assert len([mark for mark in private.marks if mark.kind == "dot"]) == 1


@pytest.mark.parametrize(("text", "notes"), [("file\nx\n", 1), (format_ledger([entry("a.csv")]), 0)])
def test_a_damaged_ledger_is_a_note_and_no_answer_a_hint(workspace_folder: Path, text: str, notes: int) -> None:
    Path("submissions").mkdir()
    Path("submissions/ledger.csv").write_text(text, encoding="utf-8")
    section, said = submissions(["d"])
    assert len(said) == notes
    assert (section is None) == bool(notes)
    assert section is None or ("tlk submissions record" in section.text[0] and not section.charts)
