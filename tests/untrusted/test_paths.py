"""What tables, options and recipes call a thing never leads out of the folder that the thing belongs to."""

import os
from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.data.collection import Collection
from tlk.data.collection_pairs import read_pairs
from tlk.data.competition import Competition
from tlk.data.nga import Counted, works
from tlk.data.painters import read_paintings
from tlk.data.source import FolderSource
from tlk.errors import UserError
from tlk.recipe import parse_recipe, read_document
from tlk.workflows.blend import Blend
from tlk.workflows.ledger_rows import Entry, format_ledger
from tlk.workflows.partial import complete
from tlk.workflows.run import Run, find_run

AWAY = ["../secret", "/etc/passwd", "..", ".", "a/../../secret", "..\\secret", "C:\\secret", "\\\\host\\x", "a\0b", ""]


@pytest.fixture
def competition(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for half in ("train", "test"):
        for side in ("left", "right"):
            (folder / half / side).mkdir(parents=True)
            for name in ("a", "b"):
                (folder / half / side / f"{name}.jpg").write_bytes(b"x")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (folder / "train" / "secret.jpg").write_bytes(b"secret")
    return folder


@pytest.mark.parametrize("name", AWAY)
def test_ids_of_a_competition(name: str, competition: Path) -> None:
    (competition / "train.csv").write_text(f'left,right\na,b\n"{name}",a\n')
    with pytest.raises(UserError, match=r"train\.csv, line 3: .* is not an id"):
        Competition(competition).train_pairs()
    (competition / "test_candidates.csv").write_text(f'left,c0,c1\na,b,"{name}"\n')
    with pytest.raises(UserError, match=r"test_candidates\.csv, line [0-9]+: .* is not an id"):
        Competition(competition).test_lists()


@pytest.mark.parametrize("name", AWAY)
def test_files_of_a_collection(name: str, tmp_path: Path) -> None:
    for row in (f'1,"{name}"', f'"{name}",1.jpg'):
        (tmp_path / "collection.csv").write_text(f"id,file\n{row}\n")
        with pytest.raises(UserError, match=r"line 2: id .* or file .* cannot be one"):
            Collection(tmp_path)


@pytest.mark.parametrize("name", AWAY)
def test_pairs_of_a_collection(name: str, tmp_path: Path) -> None:
    (tmp_path / "collection.csv").write_text("id,file\n1,1.jpg\n2,2.jpg\n")
    (tmp_path / "parts.csv").write_text("id,group,part\n1,0,train\n2,1,train\n")
    (tmp_path / "pairs.csv").write_text(f'left,right,match,rule,part\n1,"{name}",1,artist,train\n')
    with pytest.raises(UserError, match=r"pairs\.csv, line 2: .* is none of"):
        read_pairs(Collection(tmp_path), tmp_path)


@pytest.mark.parametrize("name", AWAY)
def test_ids_of_the_national_gallery_and_names_of_paintings(name: str, tmp_path: Path) -> None:
    (tmp_path / "objects.csv").write_text(f'objectid,title,attribution,classification\n"{name}",t,a,c\n')
    with pytest.raises(UserError, match=r"line 2: objectid .* is no number"):
        works(tmp_path, Counted())
    (tmp_path / "all_data_info.csv").write_text(f'artist,new_filename\na,"{name}"\n')
    with pytest.raises(UserError, match=r"line 2: new_filename .* cannot be the name of an image"):
        read_paintings(tmp_path)


@pytest.mark.parametrize("name", [name for name in AWAY if "\0" not in name])
def test_names_of_runs_and_recipes(name: str, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace_folder / "secret").mkdir()
    (workspace_folder / "secret" / "metrics.json").write_text("{}")
    with pytest.raises(UserError, match="there is no run"):
        find_run(workspace_folder / "runs", name)
    assert run(["runs", "--prune", name]) == 2
    (workspace_folder / "data").mkdir()
    if name:  # an empty name is as none
        assert run(["train", "thumbnail", "--run", name]) == 2
        assert "error: " in capsys.readouterr().err
    with pytest.raises(UserError, match="name"):
        parse_recipe({**read_document("thumbnail"), "name": name}, "mine")
    member = {"run": name, "weight": 1.0, "fold_weights": (1.0,)}
    with pytest.raises(ValueError, match="run"):
        Blend.model_validate({"kind": "rank", "weighting": "equal", "members": (member,)})
    assert {path.name for path in workspace_folder.rglob("*")} == {"data", "metrics.json", "secret"}


@pytest.mark.parametrize("name", ["/dev/zero", "../pipe", "../folder", "../nowhere.csv", "a\0b"])
def test_of_what_a_ledger_names_only_plain_files_are_read(
    name: str, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Predictions may lie anywhere, so rows may name any place: it is compared with a digest, and never shown."""
    for folder in ("submissions", "folder"):
        (workspace_folder / folder).mkdir()
    os.mkfifo(workspace_folder / "pipe")
    entry = Entry(name, "0" * 64, "a", "thumbnail", "tll", 0.5, 0.4, 0.6, True, True, "2026-01-31T12:00:00Z")
    (workspace_folder / "submissions" / "ledger.csv").write_text(format_ledger([entry]))
    assert run(["submissions", "--json"]) == 0
    assert '"state": "gone"' in capsys.readouterr().out


def test_links_in_a_data_folder_are_followed_and_only_read(competition: Path, tmp_path: Path) -> None:
    """Pictures on another disk are as good; a link that leads nowhere is no picture."""
    place = competition / "train" / "left"
    (place / "far.jpg").symlink_to(tmp_path / "secret.jpg")
    (place / "nowhere.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (place / "loop.jpg").symlink_to(place / "loop.jpg")
    source = FolderSource(competition)
    assert source.read("train/left/far.jpg") == b"secret"
    assert source.files("train/left") == ["a.jpg", "b.jpg", "far.jpg"]
    for name in ("nowhere", "loop"):
        with pytest.raises(UserError, match=f"cannot read .*{name}.jpg"):
            source.read(f"train/left/{name}.jpg")


def test_what_never_ends_is_no_file(competition: Path) -> None:
    os.mkfifo(competition / "train" / "left" / "pipe.jpg")
    (competition / "train.csv").unlink(missing_ok=True)
    (competition / "train.csv").symlink_to("/dev/zero")
    source = FolderSource(competition)
    for path in ("train/left/pipe.jpg", "train.csv"):
        with pytest.raises(UserError, match="it is not a file"):
            source.read(path)


def test_a_file_without_end_is_no_submission(
    competition: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tlk.tables.MAX_TABLE_BYTES", 1_000_000)
    (competition / "test_candidates.csv").write_text("left,c0,c1\na,a,b\n")
    assert run(["check-submission", "/dev/zero", "--data", str(competition)]) == 2
    assert "/dev/zero has more than 1,000,000 bytes" in capsys.readouterr().err


def test_a_run_that_is_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    for turn in range(2):  # the second time there is one that was made before
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        (tmp_path / "elsewhere" / "metrics.json").write_text("{}")
        place, new = tmp_path / "runs" / f"mine{turn}", tmp_path / "runs" / f"mine{turn}.partial"
        new.mkdir(parents=True)
        place.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
        place.with_name(f".mine{turn}.old").symlink_to(tmp_path / "elsewhere")
        complete(Run(new), place)
        assert place.is_dir()
        assert not place.is_symlink()
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["mine0", "mine1"]
    assert (tmp_path / "elsewhere" / "metrics.json").exists()
