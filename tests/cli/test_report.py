"""`tlk report`."""

import shutil
import unicodedata
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


def test_pictures_of_files_whose_names_are_composed_otherwise_than_their_ids(
    competition_folder: Path, workspace_folder: Path
) -> None:
    data = Path(shutil.copytree(competition_folder, workspace_folder / "data"))
    left = (data / "train.csv").read_text().splitlines()[1].split(",")[0]
    composed = unicodedata.normalize("NFC", "é")
    table = (data / "train.csv").read_text(encoding="utf-8").replace(f"{left},", f"{composed},", 1)
    (data / "train.csv").write_text(table, encoding="utf-8")
    file = data / "train" / "left" / f"{left}.jpg"
    file.rename(file.with_name(unicodedata.normalize("NFD", "é") + ".jpg"))
    assert run(["train", "thumbnail"]) == 0
    assert run(["report", "--out", "report.html"]) == 0
    assert "Without pictures" not in Path("report.html").read_text(encoding="utf-8")
