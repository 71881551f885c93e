"""`tlk submissions` and `tlk submit` as they are typed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.files import write_text
from tlk.workflows.ledger_rows import Entry, format_ledger

ENTRY = Entry("a.csv", "0" * 64, "a", "thumbnail", "tll", 0.5, 0.4, 0.6, True, True, "2026-01-31T12:00:00Z")


def test_what_was_predicted_is_listed_and_answered(workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["submissions"]) == 0
    assert "tlk predict writes them" in capsys.readouterr().out
    assert run(["submissions", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    write_text(Path("submissions/ledger.csv"), format_ledger([ENTRY, replace(ENTRY, file="b.csv", top_2=None)]))
    assert run(["submissions", "record", "a.csv", "--public", ".61"]) == 0
    told = "a.csv of 2026-01-31T12:00:00Z, run a\npublic 61.0 %; out-of-fold 50.0 [40.0, 60.0] %\n"
    assert capsys.readouterr().out == told
    assert run(["submissions", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["file"], first["public"], first["state"]) == ("a.csv", 0.61, "gone")
    assert (second["top_2"], second["public"]) == (None, None)
    assert run(["submissions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("50.0 [40.0, 60.0]" in line and "61.0" in line and "T, gone" in line for line in lines) == 1


def test_faults_end_in_a_message(
    competition_folder: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text(Path("submissions/ledger.csv"), format_ledger([ENTRY]).replace("yes", "perhaps"))
    write_text(Path("bad.csv"), "left,c0\n1,2\n")
    data = ["--data", str(competition_folder)]
    for arguments, message in (
        (["submissions"], "line 2: matched 'perhaps' is damaged"),
        (["submissions", "record", "a.csv", "--public", "1.1"], "--public 1.1"),
        (["submissions", "record", "a.csv", "--public", ".5"], "line 2"),
        (["submit", "bad.csv", "-c", "x", "-m", "y", *data], "bad.csv: wrong header"),
        (["submit", "bad.csv", "-c", "x"], "Missing option '--message'"),
    ):
        assert run(arguments) == 2
        told = capsys.readouterr().err
        assert told.startswith("error: ")
        assert message in told
        assert len(told.splitlines()) <= 3


@pytest.mark.slow
def test_a_prediction_that_is_written_elsewhere_is_listed_and_answered(
    competition_folder: Path,
    workspace_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    assert run(["train", "thumbnail"]) == 0
    for out in ("mine.csv", "deep/mine.csv", "submissions/mine.csv"):
        assert run(["predict", "--out", out]) == 0
    assert run(["submissions", "record", "deep/mine.csv", "--public", ".5"]) == 0
    capsys.readouterr()
    assert run(["submissions", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["file"], row["public"], row["state"]) for row in rows] == [
        ("../mine.csv", None, "there"),
        ("../deep/mine.csv", 0.5, "there"),
        ("mine.csv", None, "there"),
    ]
