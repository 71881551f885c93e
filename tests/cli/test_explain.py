"""`tlk explain` as it is typed."""

from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.data.competition import Competition


@pytest.fixture
def names(competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of a pair; no run, no weights."""
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    pairs = Competition(competition_folder).train_pairs()
    return [pairs.lefts[0], pairs.rights[0]]


def test_a_png_and_the_similarity(names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", *names, "--out", "why.png", "--device", "cpu"]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "written: why.png"
    assert "similarity" in told.out
    assert "descriptors" in told.err
    assert Path("why.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments", [["a", "nobody"], ["a", "a", "--out", "x.svg"], ["a", "a", "--run", "x"], ["a"], []], ids=str
)
def test_faults_end_in_a_message(names: list[str], capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(["explain", *(names[0] if part == "a" else part for part in arguments)]) == 2
    told = capsys.readouterr()
    assert not told.out
    assert told.err.startswith("error: ")
    assert len(told.err.splitlines()) <= 3
    assert not list(Path().glob("*.png"))
