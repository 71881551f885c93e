"""Outputs never replace what is read: the data, a run, the cache, what the command itself looks at."""

from dataclasses import replace
from pathlib import Path

import pytest

from tlk.errors import UserError
from tlk.workflows.checksums import write_checksums
from tlk.workflows.outputs import require_output, require_output_folder
from tlk.workflows.workspace import Workspace


@pytest.fixture
def workspace(workspace_folder: Path) -> Workspace:
    (workspace_folder / "data" / "train" / "left").mkdir(parents=True)
    (workspace_folder / "data" / "train.csv").write_text("left,right\n")
    (workspace_folder / "runs" / "thumbnail").mkdir(parents=True)
    (workspace_folder / "runs" / "thumbnail" / "oof.npz").write_bytes(b"scores")
    (workspace_folder / "runs" / "thumbnail" / "metrics.json").write_text("{}")
    return Workspace.here()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data/train.csv", "a place of the data in data"),
        ("data/train/left/new.csv", "a place of the data in data"),
        ("elsewhere/../data/test_candidates.csv", "a place of the data in data"),
        ("runs/thumbnail/oof.npz", "a place of the runs in runs"),
        ("data/parts.csv", "a place of the data in data"),
        (".tlk/x.csv", "a place of the cache in .tlk"),
        (".tlk/vectors/x.csv", "a place of the cache in .tlk"),
        ("data", "it is a folder"),
        ("submissions/ledger.csv", "where the trail of submissions is kept"),
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


@pytest.mark.parametrize("path", ["report.html", "figures/a.csv", "submissions/s.csv"])
def test_what_lies_among_the_runs_but_in_none_may_be_written_again(path: str, workspace: Workspace) -> None:
    for runs in ("runs", "."):
        file = Path(runs, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        require_output(file, replace(workspace, runs=Path(runs)))


def test_a_run_on_its_way_is_a_run(workspace: Workspace) -> None:
    partial = Path("runs/new.partial")
    partial.mkdir()
    (partial / "history.csv").touch()
    with pytest.raises(UserError, match="a place of the runs"):
        require_output(partial / "history.csv", workspace)


@pytest.mark.parametrize("cache", [".", ".."])
def test_a_cache_among_the_user_s_work_has_only_its_own_places(cache: str, workspace: Workspace) -> None:
    shared = replace(workspace, cache=Path(cache))
    for path in ("report.html", "submissions/a.csv", "../a.csv"):
        require_output(Path(path), shared)
    require_output_folder(Path("figures"), shared, "--figures")
    for name in ("vectors/x.csv", "pixels/0/x.csv", "exports", "sources.json", ".sources.lock"):
        with pytest.raises(UserError, match="a place of the cache"):
            require_output(Path(cache, name), shared)


@pytest.mark.parametrize("named", ["runs/thumbnail", "elsewhere/thumbnail"])
def test_a_run_that_is_a_link_is_a_run(named: str, workspace: Workspace) -> None:
    Path("elsewhere").mkdir()
    Path("runs/thumbnail").rename("elsewhere/thumbnail")
    Path("runs/thumbnail").symlink_to(Path("elsewhere/thumbnail").absolute())
    with pytest.raises(UserError, match="a place of the runs"):
        require_output(Path(named, "oof.npz"), workspace)


def test_data_of_links_are_data_under_every_name(workspace: Workspace) -> None:
    Path("data").rename("far")
    Path("data/train").mkdir(parents=True)
    Path("alias").symlink_to("data")
    Path("data/train.csv").symlink_to(Path("far/train.csv").absolute())
    Path("data/train/left").symlink_to(Path("far/train/left").absolute())
    for path in (
        "data/train.csv",
        "alias/train.csv",
        "far/train.csv",
        "alias/train/left/a.csv",
        "far/train/left/a.csv",
    ):
        with pytest.raises(UserError, match="a place of the data"):
            require_output(Path(path), workspace)
    require_output(Path("far/mine.csv"), workspace)


def test_a_loop_of_links_is_no_error(workspace: Workspace) -> None:
    Path("loop.csv").symlink_to("loop.csv")
    require_output(Path("loop.csv"), workspace)


def test_what_the_command_reads_is_kept_under_every_name(workspace: Workspace) -> None:
    Path("photos").mkdir()
    Path("photos/p.png").touch()
    Path("album").symlink_to("photos")
    for path in ("photos/p.png", "album/p.png"):
        with pytest.raises(UserError, match="the command reads it\nchoose another name with --sheet"):
            require_output(Path(path), workspace, "--sheet", [Path("absent.png"), Path("photos/p.png")])
    require_output(Path("photos/q.png"), workspace, "--sheet", [Path("photos/p.png")])


@pytest.mark.parametrize("start", ["left,right,group,fold\n", "\ufeffleft,right,group,fold\r\n"])
def test_a_fold_table_is_replaced_by_one_alone(start: str, workspace: Workspace) -> None:
    Path("k5.csv").write_text(start + "a,b,0,0\n", encoding="utf-8", newline="")
    with pytest.raises(UserError, match=r"cannot write k5\.csv: it is a fold table"):
        require_output(Path("k5.csv"), workspace)
    require_output(Path("k5.csv"), workspace, over_folds=True)
    Path("k5.csv").write_text("left,right,group,fold,more\n")
    require_output(Path("k5.csv"), workspace)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data/train/left", "a place of the data in data"),
        ("data/test/left/new", "a place of the data in data"),
        ("runs/thumbnail", "a place of the runs in runs"),
        ("runs/thumbnail/new", "a place of the runs in runs"),
        (".tlk", "a place of the cache in .tlk"),
        ("z.csv", "cannot write into z.csv: it is not a folder\nname a folder with --figures"),
        ("z.csv/new", "z.csv is not a folder\nchoose another place with --figures"),
        ("-", "that is no name"),
    ],
)
def test_what_is_read_is_no_folder_for_outputs(path: str, message: str, workspace: Workspace) -> None:
    Path("z.csv").touch()
    with pytest.raises(UserError, match=message):
        require_output_folder(Path(path), workspace, "--figures")


@pytest.mark.parametrize("path", [".", "data", "data/figures", "runs", "runs/figures", "new/folder"])
def test_every_other_folder_is(path: str, workspace: Workspace) -> None:
    require_output_folder(Path(path), workspace, "--figures")


def test_the_folders_of_a_collection_s_images_are_data(workspace: Workspace) -> None:
    Path("data/collection.csv").write_text("id,file\n1,portraits/old/1.png\n2,2.png\n")
    for path in ("data/portraits", "data/portraits/new"):
        with pytest.raises(UserError, match="a place of the data"):
            require_output_folder(Path(path), workspace, "--figures")
    with pytest.raises(UserError, match="a place of the data"):
        require_output(Path("data/2.png"), workspace)
    require_output(Path("data/3.png"), workspace)
