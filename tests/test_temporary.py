"""Temporary files and folders: what a killed writer has left goes, what is being written stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlk import temporary

LEAVE = """
import os, signal, sys
from pathlib import Path
from tlk.temporary import create, temporary_folder
file, place = create(Path(sys.argv[1]) / "table.csv")
file.write(b"half")
file.flush()
with temporary_folder(Path(sys.argv[1]) / "parts") as folder:
    (folder / "part").write_text("half")
    print("written", flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporary, "_swept", {})


def test_a_killed_writer_s_go_with_the_next_one_and_a_living_one_s_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".mine.0123.tmp").write_text("somebody's own")
    monkeypatch.setattr(temporary, "_EVERY", 0.0)
    with subprocess.Popen(
        [sys.executable, "-c", LEAVE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "written\n"
        temporary.sweep(tmp_path)
        living = sorted(os.listdir(tmp_path))
        assert len(living) == 3
        other.communicate("")
    assert sorted(os.listdir(tmp_path)) == living
    file, place = temporary.create(tmp_path / "other.csv")
    with file:
        assert sorted(os.listdir(tmp_path)) == sorted([".mine.0123.tmp", place.name])


def test_a_folder_of_many_is_not_looked_through_for_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    real = temporary.temporaries
    monkeypatch.setattr(temporary, "temporaries", lambda folder: looked.append(folder) or real(folder))
    for number in range(20):
        with temporary.create(tmp_path / str(number))[0]:
            pass
    assert looked == [tmp_path]


def test_what_a_sweeper_takes_before_it_is_owned_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tries = temporary.hold, list[Path]()

    def hold(handle: int, path: Path) -> bool:
        tries.append(path)
        if len(tries) == 1:  # another process sweeps just now
            temporary.remove_abandoned(path)
        return real(handle, path)

    monkeypatch.setattr(temporary, "hold", hold)
    file, place = temporary.create(tmp_path / "a")
    with file:
        assert tries == [tries[0], place]
        assert os.listdir(tmp_path) == [place.name]
    tries.clear()
    with temporary.temporary_folder(tmp_path / "b") as folder:
        assert tries == [tries[0], folder]


def test_a_folder_that_was_renamed_stays(tmp_path: Path) -> None:
    with temporary.temporary_folder(tmp_path / "made") as folder:
        (folder / "file").write_text("x")
        folder.rename(tmp_path / "made")
    assert (tmp_path / "made" / "file").read_text() == "x"
    assert os.listdir(tmp_path) == ["made"]


def test_discarded_folders_go_and_of_a_link_the_link(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    temporary.discard(tmp_path / "link")
    assert os.listdir(tmp_path) == ["folder"]
    temporary.discard(tmp_path / "folder")
    temporary.discard(tmp_path / "gone")
    assert os.listdir(tmp_path) == []
