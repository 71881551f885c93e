"""`tlk compare` as it is typed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.workflows.compare import Compared

FOUND = Compared("a.jpg", "b.jpg", "mine", 0.7, (60.4, 99.2), 0.5, 0.9, 0.5, 0.8, False)


def answer(monkeypatch: pytest.MonkeyPatch, found: Compared) -> list[object]:
    """Let the workflow find this, and return what it is asked."""
    asked: list[object] = []

    def work(*given: object) -> Compared:
        asked.extend(given)
        return found

    monkeypatch.setattr("tlk.workflows.compare.compare", work)
    return asked


def test_a_verdict_with_what_it_is_worth(
    workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = answer(monkeypatch, FOUND)
    assert run(["compare", "a.jpg", "b.jpg", "--run", "mine", "--device", "cpu"]) == 0
    assert asked[1:5] == ["a.jpg", "b.jpg", "mine", "cpu"]
    assert capsys.readouterr().out.splitlines() == [
        "a.jpg and b.jpg, run mine",
        "similarity 0.7000; a match above 0.5000",
        "higher than 60 % of known matches, and than 99 % of known non-matches",
        "verdict: a match, right with a chance of 90.0 %, if every second pair matches",
        "of known pairs, such verdicts called 80.0 % rightly",
    ]
    answer(monkeypatch, replace(FOUND, similarity=0.5, probability=0.45, share=0.25, out_of_fold=True))
    assert run(["compare", "a.jpg", "b.jpg"]) == 0
    printed = capsys.readouterr().out
    assert "run mine, by the model that saw neither" in printed
    assert "verdict: no match, right with a chance of 55.0 %, if 25.0 % of pairs match" in printed


def test_one_document(
    workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, FOUND)
    assert run(["compare", "a.jpg", "b.jpg", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "images": ["a.jpg", "b.jpg"],
        "run": "mine",
        "similarity": 0.7,
        "percentile": {"matched": 60.4, "unmatched": 99.2},
        "threshold": 0.5,
        "match": True,
        "chance_right": 0.9,
        "probability": 0.9,
        "share": 0.5,
        "accuracy": 0.8,
        "out_of_fold": False,
    }


def test_faults_end_in_a_message(workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["a.jpg"], ["a.jpg", "b.jpg"], ["a.jpg", "b.jpg", "--data", "nowhere"]):
        assert run(["compare", *arguments]) == 2
        told = capsys.readouterr()
        assert not told.out
        assert told.err.startswith("error: ")
        assert len(told.err.splitlines()) <= 3
