"""Outputs never replace what is read: the data, a run, the cache."""

from pathlib import Path

import pytest

from tlk.errors import UserError
from tlk.workflows.checksums import write_checksums
from tlk.workflows.outputs import require_output
from tlk.workflows.workspace import Workspace


@pytest.fixture
def workspace(workspace_folder: Path) -> Workspace:
    (workspace_folder / "data" / "train" / "left").mkdir(parents=True)
    (workspace_folder / "data" / "train.csv").write_text("left,right\n")
    (workspace_folder / "runs" / "thumbnail").mkdir(parents=True)
    (workspace_folder / "runs" / "thumbnail" / "oof.npz").write_bytes(b"scores")
    return Workspace.here()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data/train.csv", "a place of the data in data"),
        ("data/train/left/new.csv", "a place of the data in data"),
        ("elsewhere/../data/test_candidates.csv", "a place of the data in data"),
        ("runs/thumbnail/oof.npz", "a place of the runs in runs"),
        (".tlk/x.csv", "a place of the cache in .tlk"),
        ("data", "it is a folder"),
        ("-", "that is no name for a file"),
        ("a\nb.csv", "that is no name for a file"),
    ],
)
def test_what_is_read_is_never_written_over(path: str, message: str, workspace: Workspace) -> None:
    with pytest.raises(UserError, match=message):
        require_output(Path(path), workspace)


def test_a_link_to_the_data_is_the_data(workspace: Workspace) -> None:
    Path("link").symlink_to("data")
    with pytest.raises(UserError, match="a place of the data"):
        require_output(Path("link/train.csv"), workspace)


def test_beside_a_run_s_own_files_others_may_be_written_again(workspace: Workspace) -> None:
    folder = Path("runs/thumbnail")
    (folder / "unlisted.csv").write_text("query\n")
    with pytest.raises(UserError, match="a place of the runs"):  # without checksums every file may be the run's
        require_output(folder / "unlisted.csv", workspace)
    (folder / "unlisted.csv").unlink()
    write_checksums(folder)
    (folder / "mine.csv").write_text("query\n")
    require_output(folder / "mine.csv", workspace)
    for name in ("oof.npz", "SHA256SUMS"):
        with pytest.raises(UserError, match="a place of the runs"):
            require_output(folder / name, workspace)


@pytest.mark.parametrize("path", ["submissions/a.csv", "data/mine.csv", "report.html", "new/folder/a.csv"])
def test_everything_else_may_be(path: str, workspace: Workspace) -> None:
    require_output(Path(path), workspace)


def test_the_current_folder_may_be_that_of_the_data(
    workspace: Workspace, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("data")
    here = Workspace.here(Path())
    require_output(Path("submissions/a.csv"), here)
    with pytest.raises(UserError, match="a place of the data"):
        require_output(Path("train.csv"), here)
