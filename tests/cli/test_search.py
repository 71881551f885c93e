"""`tlk search` as it is typed."""

import json
import shutil
from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.data.collection import write_collection


@pytest.fixture
def folder(competition_folder: Path, workspace_folder: Path) -> Path:
    """A collection of six pictures; no run, no weights."""
    place, rows = workspace_folder / "paintings", []
    for number, file in enumerate(sorted((competition_folder / "train/left").iterdir())[:6]):
        (place / "images").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place / "images")
        rows.append((f"n{number}", f"images/{file.name}", f"Picture {number}"))
    write_collection(place, ("title",), rows)
    return place


def test_a_table_a_query_and_what_compared(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "n0", "n3", "--gallery", str(folder), "--top", "2", "--out", "all.csv"]) == 0
    printed = capsys.readouterr()
    assert "nearest to n0" in printed.out
    assert "nearest to n3" in printed.out
    assert printed.out.count("Picture ") == 4
    assert "artist" not in printed.out  # the table has no such column
    assert "6 images" in printed.out
    assert "descriptors" in printed.err
    assert Path("all.csv").read_text().splitlines()[0] == "query,rank,id,similarity,title"


def test_one_document(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TLK_DATA", str(folder))  # the gallery, where none is named
    assert run(["search", "n0", str(folder / "images" / "nothing.jpg"), "--json"]) == 2
    assert run(["search", "n0", "n1", "--json", "--top", "3", "--sheet", "sheet.png"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["images"] == 6
    assert document["skipped"] == []
    assert [row["query"] for row in document["queries"]] == ["n0", "n1"]
    first = document["queries"][0]["neighbours"][0]
    assert set(first) == {"rank", "id", "title", "artist", "similarity"}
    assert Path("sheet.png").exists()


@pytest.mark.parametrize(
    "arguments", [["nobody"], ["n0", "--top", "0"], ["n0", "--top", "7"], ["n0", "--run", "x"], []], ids=str
)
def test_faults_end_in_a_message(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(["search", *arguments, "--gallery", str(folder), "--out", "all.csv"]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert told.err.startswith("error: ")
    assert len(told.err.splitlines()) <= 3
    assert not Path("all.csv").exists()
