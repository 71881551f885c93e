"""`tlk predict --pairs` as it is typed."""

import csv
import shutil
from pathlib import Path

import pytest

from tests.conftest import SharedFolder
from tlk.cli.main import run
from tlk.data.collection import Collection
from tlk.data.standins import draw_painters
from tlk.workflows.data_painters import make_painters
from tlk.workflows.data_pairs import PairOptions, make_pairs
from tlk.workflows.progress import Silent
from tlk.workflows.workspace import Workspace

INFO = "kaggle/submission_info.csv"
PREDICT = ["predict", "--data", "painters", "--device", "cpu"]


@pytest.fixture(scope="module")
def trained(shared_folder: SharedFolder) -> Path:
    """A stand-in, a collection of it and a run."""

    def make(folder: Path) -> None:
        draw_painters(Path("kaggle"), 12, 6)
        make_painters(Path("kaggle"), Path("painters"), 64, None, Silent())
        make_pairs(Workspace.here(Path("painters")), PairOptions(("artist",)), Silent())
        assert run(["train", "thumbnail", "--data", "painters", "--device", "cpu"]) == 0

    return shared_folder("cli-pairs", make)


@pytest.fixture
def folder(trained: Path, workspace_folder: Path) -> Path:
    """A copy of it to work in."""
    shutil.copytree(trained, workspace_folder, dirs_exist_ok=True)
    return workspace_folder


def test_parts_are_written_and_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*PREDICT, "--pairs", INFO, "--shard-rows", "250"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("submissions/thumbnail-pairs: 406 pairs of 29 images in 2 parts, run thumbnail\n")
    assert "predicting with run thumbnail: ROC AUC" in told.err
    rows = []
    for part in ("part-000.csv", "part-001.csv"):
        with Path("submissions/thumbnail-pairs", part).open(newline="") as file:
            header, *own = csv.reader(file)
        assert header == ["index", "sameArtist"]
        rows += own
    assert [row[0] for row in rows] == [str(index) for index in range(406)]
    assert all(0 < float(row[1]) < 1 for row in rows)


def test_a_named_run_a_folder_and_what_is_absent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = Collection(Path("painters")).ids[:2]
    lines = ["a,b,c", *(f"{index},{one}.jpg,{two}.jpg" for index in range(199)), f"199,{one}.jpg,lost.jpg"]
    Path("pairs.csv").write_text("\n".join(lines))
    assert run([*PREDICT, "thumbnail", "--pairs", "pairs.csv", "--out", "here/now"]) == 0
    told = capsys.readouterr()
    expected = "200 pairs of 2 images in 1 part, run thumbnail, 1 with an image that the collection lacks"
    assert told.out == f"here/now: {expected}\n"
    assert "1 of 200 pairs are of images that painters lacks, such as 'lost'" in told.err
    assert Path("here/now/part-000.csv").read_text().endswith("\n199,0.5\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "painters"], "painters is a collection, which has no test lists\nname the pairs to compare"),
        (["--data", "drawn", "--pairs", INFO], "--pairs: drawn is no collection\nleave it out"),
        (["--data", "painters", "--pairs", INFO, "--matching"], "--matching and --known-pairs are about"),
        (["--data", "painters", "--pairs", INFO, "--no-known-pairs"], "--matching and --known-pairs are about"),
        (["--data", "drawn", "--shard-rows", "7"], "--shard-rows is about --pairs"),
        (["--data", "painters", "--pairs", INFO, "--shard-rows", "0"], "Invalid value for '--shard-rows'"),
        (["--data", "painters", "--pairs", "painters/collection.csv"], "painters/collection.csv, line 2: 'images/"),
        (["--data", "painters", "--pairs", "none.csv"], "cannot read none.csv"),
    ],
    ids=str,
)
def test_faults_end_in_a_message(
    arguments: list[str],
    message: str,
    folder: Path,
    competition_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(competition_folder, "drawn")
    assert run(["predict", "--device", "cpu", *arguments]) == 2
    told = capsys.readouterr()
    assert not told.out
    shown = told.err[told.err.index("error: ") :]
    assert shown.startswith(f"error: {message}")
    assert len(shown.splitlines()) <= 3
    assert not Path("submissions").exists()
