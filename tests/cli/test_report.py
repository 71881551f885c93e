"""`tlk report`."""

from pathlib import Path

import pytest

from tlk.cli.main import run

pytestmark = pytest.mark.slow


def test_a_page_and_what_is_refused(
    competition_folder: Path,
    workspace_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    assert run(["report"]) == 2
    assert "train one first" in capsys.readouterr().err
    assert run(["train", "thumbnail"]) == 0
    capsys.readouterr()
    assert run(["report"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("report.html: thumbnail; 220 pictures, ")
    assert printed.err == ""
    assert (workspace_folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert run(["report", "absent"]) == 2
    assert "there is no run 'absent'" in capsys.readouterr().err
    (workspace_folder / "taken").mkdir()
    assert run(["report", "thumbnail", "--out", "taken"]) == 2
    assert "error: cannot write taken" in capsys.readouterr().err
