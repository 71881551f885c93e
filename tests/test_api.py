"""tlk as a notebook uses it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import tlk
from tlk.cli.main import run as command
from tlk.errors import UserError

pytestmark = pytest.mark.slow


@pytest.fixture
def home(workspace_folder: Path, competition_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    return workspace_folder


def test_from_the_data_to_scores(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tlk.load()
    assert (data.kind, data.pairs, data.queries, data.images) == ("competition", 110, 40, 300)
    done = tlk.train("descriptors", settings=["training.epochs=3", "model.components=32"], run="first")
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
    found = tlk.search(str(Path(data.location) / "test/left" / f"{queries[0]}.jpg"), run=done, top=3)
    assert len(found.found[0].neighbours) == 3


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
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tlk.nothing  # noqa: B018
