"""Full and read-only places: exit code 2, what and where is said, what was there stays, no half of anything is left."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import SharedFolder
from tests.crashes.conftest import SECONDS, Start

pytestmark = pytest.mark.slow

NETWORK = """
name = "network"
summary = "A network whose models and states are larger than the disks of these tests."
source = "made for this test"
pixels = { size = 16 }
model = { name = "convnet", filters = [4], kernels = [3], dense = [600] }
loss = { name = "triplet" }
training = { epochs = 1, batch_size = 32, patience = 2 }
"""


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """Mount a small disk of its own at `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, free: int = 0) -> None:
    """Leave no more than `free` bytes of a small disk."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - free))


@pytest.fixture(scope="module")
def base(server: Start, competition_folder: Path, tiny_backbone: Path, shared_folder: SharedFolder) -> Path:
    """A workspace with two runs, what they have in the cache and a submission."""

    def make(folder: Path) -> None:
        shutil.copytree(competition_folder, folder / "data")
        shutil.copytree(tiny_backbone, folder / "weights")
        (folder / "network.toml").write_text(NETWORK)
        for arguments in (
            ["train", "thumbnail"],
            ["train", "thumbnail", "--run", "other", "--set", "seed=5"],
            ["predict", "thumbnail"],
        ):
            code, said = tell(server, folder, *arguments)
            assert code == 0, said

    return shared_folder("full-disk", make)


@pytest.fixture
def place(base: Path, tmp_path: Path) -> Path:
    shutil.copytree(base, tmp_path / "place")
    return tmp_path / "place"


def tell(start: Start, folder: Path, *arguments: str) -> tuple[int | None, str]:
    """Run a command and return its exit code and what it said."""
    process = start(folder, *arguments)
    process.join(SECONDS)
    return process.exitcode, (folder / "stderr.txt").read_text()


def refuse(start: Start, folder: Path, *arguments: str) -> str:
    """Run a command that must end with exit code 2 and a cure, and change nothing; return what it said."""
    before = contents(folder)
    code, said = tell(start, folder, *arguments)
    message = re.split(r"^(?=error: )", said, flags=re.MULTILINE)[-1]
    assert code == 2, said
    assert 2 <= len(message.splitlines()) <= 3, said
    assert "bug" not in message
    after = contents(folder)
    assert {name: after.get(name) for name in before} == before
    assert not [name for name in after if name.endswith(".tmp") or ".state-" in name]
    return message


def contents(folder: Path) -> dict[str, bytes]:
    ours = ("stdout.txt", "stderr.txt", "changes.txt", "sources.json")  # the last one learns that the data were copied
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.name not in ours]
    return {str(name): (folder / name).read_bytes() for name in names if name.parts[0] != "data"}


WRITERS: dict[str, tuple[str, list[str], int]] = {  # where the full disk is, the command, how much is free there
    "train: the run": ("small", ["train", "network.toml", "--runs", "small"], 200_000),
    "train: the first file": ("small", ["train", "thumbnail", "--runs", "small"], 0),
    "train: out-of-fold": ("small", ["train", "thumbnail", "--runs", "small"], 60_000),
    "folds": ("folds", ["folds", "--out", "folds/new.csv", "--seed", "3"], 0),
    "embed: the vectors": (".tlk", ["embed", "--recipe", "descriptors"], 50_000),
    "embed: the exported network": (".tlk", ["embed", "--backbone", "local-dir:weights"], 20_000),
    "embed: --export": ("small", ["embed", "--recipe", "thumbnail", "--export", "small"], 20_000),
    "ensemble": ("runs", ["ensemble", "thumbnail", "other", "--weights", "equal"], 0),
    "predict: the submission": ("submissions", ["predict", "other"], 0),
    "predict: over the former one": ("submissions", ["predict", "thumbnail"], 0),
    "predict: the cache": (".tlk", ["predict", "other"], 0),
    "report": ("small", ["report", "--out", "small/report.html"], 10_000),
    "report: figures": ("small", ["report", "--figures", "small/figures", "--out", "report.html"], 10_000),
}


@pytest.mark.parametrize("case", WRITERS)
def test_a_full_disk(case: str, server: Start, place: Path, tmp_path: Path) -> None:
    where, arguments, free = WRITERS[case]
    with moved_to_a_disk(place / where, tmp_path) as folder:
        fill(folder, free)
        message = refuse(server, place, *arguments)
        assert "No space left" in message or "are free" in message or "written" in message
        assert where in message
        assert "free some space" in message or "make some room" in message
        (folder / "ballast").unlink()
        for name in place.glob(f"{where}/*.partial"):  # a state was kept: it goes on from there
            arguments = [*arguments, "--resume"]
            assert (name / "inputs.json").exists()
        code, said = tell(server, place, *arguments)
        assert code == 0, said


@contextmanager
def moved_to_a_disk(folder: Path, tmp_path: Path) -> Iterator[Path]:
    """Move what lies in a folder to a small disk that is mounted in its place."""
    if folder.exists():
        folder.rename(tmp_path / "former")
    with mounted(folder, "64m"):
        if (tmp_path / "former").exists():
            shutil.copytree(tmp_path / "former", folder, dirs_exist_ok=True)
        yield folder


@pytest.mark.parametrize(
    ("where", "arguments"),
    [
        ("runs", ["train", "thumbnail", "--run", "new"]),
        ("runs", ["train", "thumbnail", "--run", "other", "--overwrite"]),
        ("runs", ["ensemble", "thumbnail", "other", "--weights", "equal"]),
        ("runs", ["runs", "--prune", "other"]),
        ("submissions", ["predict", "thumbnail"]),
        (".tlk", ["embed", "--backbone", "local-dir:weights"]),
        (".tlk", ["predict", "other"]),
        ("folds", ["folds", "--out", "folds/new.csv"]),
        ("small", ["report", "--out", "small/report.html"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_place_that_is_only_read(
    where: str, arguments: list[str], server: Start, place: Path, tmp_path: Path
) -> None:
    with moved_to_a_disk(place / where, tmp_path) as folder:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        message = refuse(server, place, *arguments)
        assert where in message
        assert "read-only file system" in message.lower()


def test_all_that_is_needed_can_be_read_from_places_that_are_only_read(
    server: Start, place: Path, tmp_path: Path
) -> None:
    (tmp_path / "runs").mkdir()
    with moved_to_a_disk(place / ".tlk", tmp_path) as cache, moved_to_a_disk(place / "runs", tmp_path / "runs") as runs:
        for folder in (cache, runs):
            subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        for arguments in (["predict", "thumbnail", "--out", "again.csv"], ["eval", "other"], ["runs"], ["cache"]):
            code, said = tell(server, place, *arguments)
            assert code == 0, said
    assert (place / "again.csv").read_bytes() == (place / "submissions" / "thumbnail.csv").read_bytes()


def test_a_full_disk_for_temporary_files(
    server: Start, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that is kept needs it, and what fails for another reason says so all the same."""
    with mounted(tmp_path / "temporary", "64k") as folder:
        fill(folder)
        monkeypatch.setenv("TMPDIR", str(folder))
        command = ["-m", "tlk", "data", "check", "data"]
        done = subprocess.run([*PYTHON, *command], cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 2), done.stderr
        assert done.returncode == 0 or ("No space left" in done.stderr and str(folder) in done.stderr)
        done = subprocess.run([*PYTHON, "-c", FAILING], cwd=place, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.splitlines()[0] == "error: tlk failed: RuntimeError: a fault"
        assert "TMPDIR" in done.stderr
        assert "Traceback" not in done.stderr


PYTHON = [sys.executable]
FAILING = """
import os, tempfile
from tlk.cli import main
tempfile.tempdir = os.environ["TMPDIR"]  # it would look for another place by itself
def fail(*arguments, **options):
    raise RuntimeError("a fault")
main.app = fail
main.main()
"""


def test_what_is_printed_to_a_full_disk(place: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PYTHON, "-m", "tlk", "recipes"], cwd=place, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2, done.stderr
    assert "No space left" in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_cache_that_vanishes_is_made_anew(server: Start, place: Path) -> None:
    """Whenever it goes: each deletion comes a change of the disk later than the one before."""
    whole = (place / "submissions" / "thumbnail.csv").read_bytes()
    for _ in range(3):
        process = server(place, "train", "thumbnail", "--run", "new", "--overwrite")
        while process.is_alive() and not any(place.glob("runs/new.partial/fold*/*")):
            process.join(0.005)
        shutil.rmtree(place / ".tlk", ignore_errors=True)
        process.join(SECONDS)
        said = (place / "stderr.txt").read_text()
        assert process.exitcode in (0, 2), said
        assert "bug" not in said
        code, said = tell(server, place, "predict", "thumbnail")
        assert code == 0, said
        assert (place / "submissions" / "thumbnail.csv").read_bytes() == whole
