"""Runs show themselves."""

from pathlib import Path

import pytest

from tlk.files import write_json
from tlk.workflows.run import Run
from tlk.workflows.run_shown import html_of, rows_of

NUMBERS = {"recipe": "thumbnail", "expected_top_k": {"1": 0.25, "2": 0.5}, "seconds": 1.0}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    write_json(tmp_path / "mine" / "manifest.json", {"data": {"name": "<b>tll</b>"}, "embedding": "x"})
    write_json(tmp_path / "mine" / "metrics.json", NUMBERS)
    return Run(tmp_path / "mine")


def test_accuracies_have_their_intervals_where_there_are_some(run: Run) -> None:
    write_json(run.folder / "metrics.json", NUMBERS | {"expected_ci95": {"2": [0.4, 0.6]}})
    assert rows_of(run)[1:] == [
        ("recipe", "thumbnail"),
        ("data", "<b>tll</b>"),
        ("expected top-1 %", "25.0"),
        ("expected top-2 %", "50.0 [40.0, 60.0]"),
    ]


def test_a_run_of_former_times_has_none(run: Run) -> None:
    assert rows_of(run)[-1] == ("expected top-2 %", "50.0")


def test_what_stands_in_its_files_is_no_markup(run: Run) -> None:
    assert "<td>&lt;b&gt;tll&lt;/b&gt;</td>" in html_of(run)


def test_a_damaged_one_says_so(run: Run) -> None:
    (run.folder / "metrics.json").write_text("{")
    (name, (word, why)) = rows_of(run)
    assert (name, word) == (("name", "mine"), "damaged")
    assert "metrics.json" in why
