"""Data that nobody may write to, as a notebook mounts them: cache and runs lie elsewhere, and nothing is touched.

For root the rights of a folder mean nothing: there the test says only that no file has come, gone or changed.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tlk.cli.main import run

pytestmark = pytest.mark.slow


def state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return what would change if anything were written below a folder."""
    found = [folder, *folder.rglob("*")]
    return {str(path): (path.stat().st_mode, path.stat().st_size, path.stat().st_mtime_ns) for path in found}


@pytest.fixture
def data(competition_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The competition where only reading is allowed."""
    folder = tmp_path / "input" / "mounted"
    shutil.copytree(competition_folder, folder)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


def test_the_whole_path_beside_read_only_data(
    data: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    working = workspace_folder / "working"
    working.mkdir()
    monkeypatch.chdir(working)
    monkeypatch.setenv("TLK_DATA", str(data))
    monkeypatch.setenv("TLK_CACHE", str(workspace_folder / "temp"))
    before, runs = state(data), ["--runs", str(workspace_folder / "kept")]
    image = str(next((data / "test/left").iterdir()))
    for arguments in (
        ["data", "check"],
        ["folds", "--out", "mine.csv"],
        ["train", "thumbnail", *runs, "--minutes", "5"],
        ["embed", "--recipe", "thumbnail"],
        ["eval", *runs],
        ["predict", *runs, "--out", "submission.csv"],
        ["check-submission", "submission.csv"],
        ["submissions", "record", "submission.csv", "--public", ".5"],
        ["search", image, *runs, "--top", "2"],
        ["report", *runs],
        ["runs", *runs],
        ["cache"],
        ["cache", "--prune"],
    ):
        assert run(arguments) == 0, capsys.readouterr().err
    assert state(data) == before
    assert {path.name for path in working.iterdir()} == {
        "folds", "mine.csv", "report.html", "submission.csv", "submissions",
    }  # fmt: skip
    assert (workspace_folder / "kept" / "thumbnail" / "metrics.json").exists()


def test_places_that_cannot_be_written_to_are_said_before_the_work(
    competition_folder: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace_folder / "taken").write_text("")
    data = ["--data", str(competition_folder)]
    for arguments, told in (
        (["train", "thumbnail", "--runs", "taken"], "error: cannot write into taken: "),
        (["predict", "--out", "taken/x.csv"], "error: cannot write into taken: "),
        (["predict", "--out", "."], "error: cannot write .: it is a folder\n"),
    ):
        assert run([*arguments, *data]) == 2
        assert capsys.readouterr().err.startswith(told)
    assert {path.name for path in workspace_folder.iterdir()} == {"taken"}  # neither folds nor vectors
