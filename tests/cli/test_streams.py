"""Streams that are closed, and pipes that nobody reads any more: exit codes as ever, and notes stay out of results."""

import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.console import Console

TLK = f"{shlex.quote(sys.executable)} -m tlk"


@pytest.fixture(scope="module")
def folder(competition_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one run."""
    place = tmp_path_factory.mktemp("streams")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("TLK_DATA", str(competition_folder))
        assert run(["train", "thumbnail"]) == 0
    return place


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("eval thumbnail", 0),
        ("runs --json", 0),
        ("--help", 0),
        ("eval nobody 2>&1", 2),
        ("eval --topk 2>&1", 2),
        ("folds --data none --out x.csv 2>&1", 2),
    ],
)
def test_a_pipe_that_nobody_reads_changes_no_exit_code(command: str, code: int, folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            ["sh", "-c", f"{TLK} {command}; echo $? > code"],
            cwd=folder,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    finally:
        os.close(writer)
    assert (folder / "code").read_text().strip() == str(code)
    assert done.stderr == ""


@pytest.mark.slow
def test_closed_streams_change_no_exit_code(folder: Path) -> None:
    assert shell(f"{TLK} runs >&-; echo $? > code", folder).stderr == ""
    assert (folder / "code").read_text() == "0\n"
    shell(f"{TLK} eval nobody 2>&-; echo $? > code", folder)
    assert (folder / "code").read_text() == "2\n"


@pytest.mark.slow
def test_without_stderr_notes_do_not_go_among_the_results(folder: Path, competition_folder: Path) -> None:
    printed = shell(f"{TLK} data check {competition_folder} --json 2>&-", folder).stdout
    assert json.loads(printed)
    images = " ".join(str(path) for path in sorted((competition_folder / "test/left").iterdir())[:2])
    printed = shell(f"{TLK} compare {images} --data {competition_folder} --json 2>&-", folder).stdout
    assert json.loads(printed)["run"] == "thumbnail"  # it was not named: a note says which was taken


@pytest.mark.slow
def test_files_do_not_take_the_places_of_closed_streams(folder: Path, competition_folder: Path) -> None:
    shell(f"{TLK} predict thumbnail --data {competition_folder} --out open.csv", folder)
    shell(f"{TLK} predict thumbnail --data {competition_folder} --out closed.csv <&- >&- 2>&-", folder)
    assert (folder / "closed.csv").read_bytes() == (folder / "open.csv").read_bytes()


def test_the_work_goes_on_where_nobody_reads_its_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Broken())
    Console().note("training member one")
