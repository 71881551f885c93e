"""Runs that were trained on other data than those named: whose numbers and whose run they are is said."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import SharedFolder
from tlk.cli.main import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def trained(competition_folder: Path, warm_cache: Path, shared_folder: SharedFolder) -> Path:
    """A workspace with two runs of the small competition; the first by name is the best, or as good."""

    def make(folder: Path) -> None:
        shutil.copytree(warm_cache, folder / ".tlk")
        for name in ("best", "second"):
            assert run(["train", "thumbnail", "--data", str(competition_folder), "--run", name]) == 0

    return shared_folder("other-data", make)


@pytest.fixture
def workspace(trained: Path, competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `trained` to work in."""
    shutil.copytree(trained, workspace_folder, dirs_exist_ok=True)
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    return workspace_folder


@pytest.fixture
def other(workspace: Path) -> Path:
    """Other data than the runs of the workspace were trained on."""
    assert run(["data", "demo", "elsewhere", "--pairs", "8", "--queries", "20", "--seed", "8"]) == 0
    return workspace / "elsewhere"


@pytest.mark.parametrize("way", ["option", "environment"])
def test_whose_numbers_they_are_is_said_where_the_data_are_others(
    other: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    cases = ([], ["best"], ["second", "best"], ["second", "--gallery"])
    capsys.readouterr()
    for words in cases:
        assert run(["eval", *words]) == 0
        assert "the numbers are of" not in capsys.readouterr().err
    if way == "environment":
        monkeypatch.setenv("TLK_DATA", str(other))
    for words in cases:
        for more in ([], ["--json"]):
            assert run(["eval", *words, *more, *(["--data", str(other)] if way == "option" else [])]) == 0
            told = capsys.readouterr().err
            for name in [word for word in words if word[0] != "-"] or ["best"]:
                assert f"run {name}: the numbers are of small, which it was trained on, not of {other}" in told


def test_data_where_they_usually_lie_are_meant_where_no_run_is_named(
    other: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TLK_DATA")
    for place, unnamed in (("elsewhere", False), ("data", True)):
        other.rename(place)
        for words, told in ((["eval"], unnamed), (["eval", "best"], False)):
            capsys.readouterr()
            assert run(words) == 0
            assert ("the numbers are of small" in capsys.readouterr().err) == told
        other = Path(place)


def test_a_prediction_says_where_the_best_run_is_of_other_data(other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["predict", "--data", str(other)]) == 0
    assert f"run best was trained on small, not on {other}" in capsys.readouterr().err
    assert run(["predict", "best", "--data", str(other)]) == 0  # who names it knows
    assert "was trained on" not in capsys.readouterr().err


@pytest.mark.parametrize("left_out", ["nothing", "train", "images", "train.csv"])
def test_a_prediction_for_the_same_data_elsewhere_says_nothing(
    workspace: Path, competition_folder: Path, capsys: pytest.CaptureFixture[str], left_out: str
) -> None:
    shutil.copytree(competition_folder, "moved")
    if left_out in ("train", "images"):
        shutil.rmtree("moved/train")
    if left_out in ("train", "train.csv"):
        Path("moved/train.csv").unlink()
    capsys.readouterr()
    assert run(["predict", "--data", "moved"]) == 0
    told = capsys.readouterr()
    assert "run best" in told.out
    assert "was trained on" not in told.err
