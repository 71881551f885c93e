"""What a file holds is computed by no spreadsheet and obeyed by no terminal that shows what the tool writes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlk.cli.main import run
from tlk.tables import format_table, read_table
from tlk.workflows.search_results import Found, Neighbour, write_results

HOSTILE = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", " =1", "'=1", "＝1"]
ESCAPE = "\x1b[2J\x1b]0;taken\x07"


def test_the_table_of_a_search(tmp_path: Path) -> None:
    found = [
        Found(text, None, (Neighbour(1, text, text, text, 0.5),), (text,)) for text in (*HOSTILE, ESCAPE, "a plain one")
    ]
    write_results(found, tmp_path / "found.csv", None, None)  # type: ignore[arg-type]  # no sheet is drawn
    rows = read_table(tmp_path / "found.csv").rows
    for row in rows:
        for cell in (row[0], row[2], row[4]):
            assert cell.isprintable()
            assert cell.lstrip()[:1] not in tuple("=+-@＝")
    assert rows[-1] == ("a plain one", "1", "a plain one", "0.5", "a plain one")


def test_ids_that_are_read_back_stay_as_they_are() -> None:
    """In submissions, folds, pairs and collections an apostrophe would make another id of it."""
    assert format_table(("left", "right"), [("=1", "@2"), ("-3", "+4")]) == "left,right\n=1,@2\n-3,+4\n"


def test_a_terminal_is_not_steered(
    workspace_folder: Path, competition_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery = workspace_folder / "art"
    gallery.mkdir()
    random = np.random.default_rng(0)
    for name in ("1", "2"):
        Image.fromarray(random.integers(255, size=(40, 40, 3), dtype=np.uint8)).save(gallery / f"{name}.jpg")
    table = format_table(("id", "file", "title"), [("1", "1.jpg", ESCAPE), ("2", "2.jpg", ESCAPE)])
    (gallery / "collection.csv").write_text(table, newline="")
    assert run(["search", "1", "--top", "1", "--gallery", str(gallery), "--data", str(competition_folder)]) == 0
    (workspace_folder / "bad.csv").write_text(f"{ESCAPE},c0\n1,2\n")
    assert run(["check-submission", "bad.csv", "--data", str(competition_folder)]) == 2
    assert run(["check-submission", f"{ESCAPE}.csv", "--data", str(competition_folder)]) == 2
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "[2J" in said.out
    assert "[2J" in said.err
