"""Both art collections from end to end, as `tlk demo-art` walks them, with fewer pictures."""

from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.data.standins import draw_painters
from tlk.workflows import demo_art

pytestmark = pytest.mark.slow


def test_the_demo_ends_with_both_evaluations(
    workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_art, "draw_painters", lambda folder: draw_painters(folder, artists=20, paintings=8))
    monkeypatch.setattr(demo_art, "_SITTERS", 40)
    fewer = {
        demo_art.PAINTERS: (demo_art.Trial("demo-art-descr", "descriptors", ("training.epochs=5",)),),
        demo_art.PORTRAITS: (
            demo_art.Trial("demo-contrast", "portrait-contrastive", ("pixels.size=32", "training.epochs=2"), "0.98"),
            demo_art.Trial("demo-sitters", "descriptors", ("training.epochs=5",)),
        ),
    }
    monkeypatch.setattr(demo_art, "_WITHOUT_WEIGHTS", fewer)
    mine = Path("demo-art/opendata/mine.txt")
    mine.parent.mkdir(parents=True)
    mine.write_text("precious")
    assert run(["demo-art"]) == 0
    assert mine.read_text() == "precious"
    printed = capsys.readouterr().out
    assert "by the same artist?" in printed
    assert "the same sitter?" in printed
    assert "demo-contrast: reported of its source, on other pictures: 0.98" in printed
    assert max(map(len, printed.splitlines())) <= 100
    tables = [line.split() for line in printed.splitlines() if line.strip().startswith("demo-")]
    (painters,) = [cells for cells in tables if cells[0] == "demo-art-descr"]
    assert float(painters[4]) > 60  # the area for artists who were seen
    assert not list(Path().rglob("*.tmp"))
    capsys.readouterr()
    assert run(["demo-art"]) == 0  # what is drawn and paired stays
    assert "near-duplicates" not in capsys.readouterr().err
    assert run(["eval", "demo-sitters", "--data", "demo-art/portraits"]) == 0
    assert "sitter, recall@1" in capsys.readouterr().out
