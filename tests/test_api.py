"""tlk as a notebook uses it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import tlk
from tlk.cli.main import run as command
from tlk.errors import UserError
from tlk.workflows.progress import Silent
from tlk.workflows.run import Run

pytestmark = pytest.mark.slow


@pytest.fixture
def home(workspace_folder: Path, competition_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    return workspace_folder


def test_from_the_data_to_scores(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tlk.load()
    assert (data.kind, data.pairs, data.queries, data.images) == ("competition", 110, 40, 300)
    seen = 'embedding={descriptors=["gradients-4", "thumbnail"]}'
    done = tlk.train("descriptors", settings=["training.epochs=3", "model.components=32", seen], run="first")
    assert done.folder == Path("runs/first")
    (row,) = tlk.evaluate(done)
    assert row == tlk.evaluate("first")[0]
    assert row["expected_top_k"]["2"] > 0.15
    queries, candidates, scores = tlk.score(done, matching=False)
    assert scores.shape == (40, 20) == (len(queries), len(candidates[0]))
    capsys.readouterr()
    assert command(["predict", "first", "--no-matching", "--out", "out.csv"]) == 0  # the command says the same
    lines = Path("out.csv").read_text().splitlines()[1:]
    written = np.array([line.split(",")[1:] for line in lines], float)
    np.testing.assert_allclose(written, scores, rtol=1e-5, atol=1e-6)
    assert [line.split(",")[0] for line in lines] == queries
    capsys.readouterr()
    predicted = tlk.predict(done, data, matching=False)
    assert predicted.path == Path("submissions/first.csv")
    assert predicted.path.read_text() == Path("out.csv").read_text()
    assert command(["submissions", "--json"]) == 0
    assert [row["file"] for row in json.loads(capsys.readouterr().out)] == ["../out.csv", "first.csv"]
    found = tlk.search(str(Path(data.location) / "test/left" / f"{queries[0]}.jpg"), run=done, top=3)
    assert len(found.found[0].neighbours) == 3


def test_data_and_runs_of_another_place(home: Path, competition_folder: Path) -> None:
    data = tlk.load(competition_folder)
    done = tlk.train("thumbnail", data, runs="kept", run="other")
    assert done == Run(Path("kept/other")) == tlk.open_run(data=data, runs="kept") == tlk.open_run("other", runs="kept")
    assert [row["run"] for row in tlk.evaluate(done, done, topk=1)] == ["other", "other"]
    image = str(competition_folder / "test/left" / f"{data.test_lists().queries[0]}.jpg")
    assert tlk.search(image, run=done, top=1).found[0].neighbours
    with pytest.raises(UserError, match="there is no run in runs"):
        tlk.open_run()
    assert tlk.open_run(data="nowhere", runs="kept") == done  # a run needs no data to be opened
    pairs = data.train_pairs()
    assert (len(pairs), pairs.lefts[:1]) == (data.pairs, tlk.load(data.location).train_pairs().lefts[:1])


def test_notes_are_told_and_can_be_silenced(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tlk.train("thumbnail", run="told")
    told = capsys.readouterr()
    assert told.out == ""
    assert "folds written to folds/" in told.err
    tlk.train("thumbnail", run="silent", reporter=Silent())
    assert capsys.readouterr() == ("", "")


def test_the_look_at_data_agrees_with_the_command(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tlk.load()
    assert command(["data", "check", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert (counts["training pairs"], counts["test queries"]) == (data.pairs, data.queries)
    assert sum(number for name, number in counts.items() if name.startswith("images in")) == data.images


def test_vectors_are_those_that_the_command_writes(home: Path) -> None:
    paths, (vectors,) = tlk.embed(recipe="thumbnail")
    assert command(["embed", "--recipe", "thumbnail", "--export", "out"]) == 0
    (file,) = Path("out").glob("*.npy")
    np.testing.assert_array_equal(np.load(file), vectors)
    rows = Path("out/ids.csv").read_text().splitlines()[1:]
    assert [Path(path).stem for path in paths] == [row.split(",")[2] for row in rows]


def test_a_run_shows_itself(home: Path) -> None:
    done = tlk.train("thumbnail", run="shown")
    html = done._repr_html_()
    assert "<td>thumbnail</td>" in html
    assert "expected top-2 %" in html
    console = Console(width=200, record=True, file=open("printed.txt", "w"))  # noqa: SIM115
    console.print(done)
    console.file.close()
    assert "thumbnail" in Path("printed.txt").read_text()
    (done.folder / "metrics.json").write_text('{"recipe": "<script>"}')
    assert "damaged" in done._repr_html_()


def test_vectors_of_any_folder(home: Path, competition_folder: Path) -> None:
    paths, (vectors, *more) = tlk.embed(competition_folder / "test" / "left", recipe="thumbnail")
    assert len(paths) == len(vectors) == 40
    assert vectors.dtype == np.float16
    assert not more
    with pytest.raises(UserError, match="does not exist"):
        tlk.load("nowhere")


def test_importing_costs_nothing() -> None:
    program = "import sys, tlk; assert not {'torch', 'numpy', 'tlk.api'} & set(sys.modules); print(tlk.__version__)"
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()
    assert set(tlk.__all__) <= set(dir(tlk))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tlk.nothing  # noqa: B018
