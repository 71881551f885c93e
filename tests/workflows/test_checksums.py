"""A run's checksums: as `sha256sum` writes them, of the run's own files, and believed."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from tlk.errors import UserError
from tlk.workflows.checksums import CHECKSUMS, require_whole, write_checksums


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    for name in (
        "metrics.json",
        "fold0/model.safetensors",
        "members/one/oof.npz",
        "inputs.json",
        "tlk/events.1",
        ".x.csv",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    write_checksums(folder, besides=("inputs.json",))
    (folder / "inputs.json").unlink()  # as when a run takes its place
    return folder


def test_the_run_s_own_files_are_listed_in_the_format_of_sha256sum(run: Path) -> None:
    listed = dict(line.split("  ")[::-1] for line in (run / CHECKSUMS).read_text().splitlines())
    assert set(listed) == {"metrics.json", "fold0/model.safetensors"}
    assert listed["metrics.json"] == hashlib.sha256(b"metrics.json").hexdigest()
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS], cwd=run, check=True)


def test_what_has_changed_is_named(run: Path) -> None:
    path = run / "fold0" / "model.safetensors"
    require_whole(run, path)
    require_whole(run, path, hashlib.sha256(b"fold0/model.safetensors").hexdigest())
    with pytest.raises(UserError, match=r"model.safetensors is damaged.*\ndelete .*mine, or make the run anew"):
        require_whole(run, path, "0" * 64)
    path.write_text("other")
    with pytest.raises(UserError, match=r"model.safetensors is damaged"):
        require_whole(run, path)
    with pytest.raises(UserError, match="is damaged"):  # a file that the run did not have
        require_whole(run, run / "members" / "one" / "oof.npz")


def test_a_run_on_its_way_may_change(run: Path) -> None:
    (run / "inputs.json").write_text("{}")
    (run / "metrics.json").write_text("anew")
    require_whole(run, run / "metrics.json")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"nonsense\n", b"0123  metrics.json\n"])
def test_a_damaged_list_is_named(content: bytes, run: Path) -> None:
    (run / CHECKSUMS).write_bytes(content)
    with pytest.raises(UserError, match=f"{CHECKSUMS} is damaged"):
        require_whole(run, run / "metrics.json")
    (run / CHECKSUMS).unlink()
    require_whole(run, run / "metrics.json")  # a run of former times
