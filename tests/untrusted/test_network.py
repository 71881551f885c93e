"""Nothing is fetched or sent unless a command or a backbone asks for it; TLK_OFFLINE=1 forbids even that."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SharedFolder
from tlk.data.standins.nga import draw_nga
from tlk.data.standins.painters import draw_painters
from tlk.files import write_text
from tlk.workflows.ledger_rows import Entry, format_ledger

pytestmark = pytest.mark.slow

FOREIGN = "http://192.0.2.1"  # an address that nobody has
FEW = ["--set", "training.epochs=1", "--device", "cpu"]


def watched(commands: list[list[str]], folder: Path, **settings: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Run the commands in one process in `folder`; return what became of each, and every try to reach the network."""
    given = {key: value for key, value in os.environ.items() if not key.startswith(("TLK_", "KAGGLE_", "CI", "HF_"))}
    given |= {"HOME": str(folder / "home"), "PYTHONPATH": os.pathsep.join(sys.path), **settings}
    (folder / "home").mkdir(exist_ok=True)
    script = Path(__file__).with_name("watched.py")
    done = subprocess.run(
        [sys.executable, str(script), "network.log"],
        input=json.dumps(commands), capture_output=True, text=True, cwd=folder, env=given, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    tries = [line for line in (folder / "network.log").read_text().splitlines() if not line.startswith("#")]
    return [json.loads(line) for line in done.stdout.splitlines()], tries


@pytest.fixture(scope="module")
def art(shared_folder: SharedFolder) -> Path:
    """Stand-ins of both collections."""

    def draw(place: Path) -> None:
        draw_nga(place / "opendata", f"{FOREIGN}/iiif", sitters=4, seed=3)
        draw_painters(place / "archives", artists=8, paintings=4, seed=3)

    return shared_folder("network", draw)


@pytest.fixture
def folder(tmp_path: Path, competition_folder: Path, tiny_backbone: Path, art: Path) -> Path:
    """A working folder with data, weights, and art."""
    shutil.copytree(competition_folder, tmp_path / "data")
    for place in (QUERY, OTHER):  # files of no pair and no list
        (tmp_path / place).write_bytes(next((tmp_path / "data/train/right").glob("*.jpg")).read_bytes())
    shutil.copytree(tiny_backbone, tmp_path / "weights")
    shutil.copytree(art, tmp_path, dirs_exist_ok=True)
    entry = Entry("a.csv", "0" * 64, "a", "thumbnail", "tll", 0.5, 0.4, 0.6, True, True, "2026-01-31T12:00:00Z")
    write_text(tmp_path / "submissions" / "ledger.csv", format_ledger([entry]))
    return tmp_path


WEIGHTS = ["--backbone", "local-dir:weights"]
QUERY, OTHER = "data/train/left/00000.jpg", "data/test/right/00000.jpg"  # each is put there by the fixture
COMMANDS = {
    "looking": [
        ["--version"],
        ["recipes"],
        ["data", "check"],
        ["folds"],
        ["train", "thumbnail", "--run", "a"],
        ["train", "thumbnail", "--run", "b", "--set", "embedding.mirrored=false"],
        ["eval", "a", "b"],
        ["ensemble", "a", "b", "--run", "e"],
        ["predict", "e"],
        ["check-submission", "submissions/e.csv"],
        ["eval", "--submission", "submissions/e.csv"],
        ["compare", QUERY, OTHER, "--run", "a"],
        ["explain", QUERY, OTHER, "--run", "a"],
        ["report", "a", "b"],
        ["runs"],
        ["cache"],
        ["submissions"],
        ["data", "nga", "--opendata", "opendata", "--out", "nga"],
        ["data", "painters", "--archives", "archives", "--out", "paintings"],
    ],
    "learning": [  # with what augments, and the engine that runs frozen backbones
        ["train", "from-scratch", "--set", "pixels.size=16", "--set", "split=60/20/20",
         "--set", 'pixels.augment=["flip", "blur", "shift"]', *FEW],
        ["embed", *WEIGHTS],
        ["train", "adapter", "--run", "d", "--set", "model.components=16", *WEIGHTS, *FEW],
        ["predict", "d"],
        ["search", QUERY, "--run", "d", "--top", "2", "--out", "found.csv"],
        ["search", QUERY, "--gallery", "data/train/left", *WEIGHTS, "--top", "2"],
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", COMMANDS)
def test_no_command_asks_for_the_network_by_itself(kind: str, folder: Path) -> None:
    done, tries = watched(COMMANDS[kind], folder)
    assert [(row["words"], row["said"][-400:]) for row in done if row["code"] != 0] == []
    assert tries == []
    assert list((folder / "home").rglob("*ga_cid*")) == []  # where OpenVINO keeps the number by which it is counted


def test_offline_what_would_need_the_network_is_refused_without_a_try(folder: Path) -> None:
    train = ["train", "adapter", "--set", "model.components=16"]
    asking = [
        [*train, "--backbone", "hf-hub:x/y"],
        [*train, "--backbone", "resnet18"],
        [*train, "--backbone", "vgg11"],
        ["train", "adapter"],
        ["embed", "--backbone", "mobilenetv2_100"],
        ["data", "nga", "--opendata", "opendata", "--out", "nga", "--download"],
        ["submit", "submissions/a.csv", "--competition", "x", "--message", "y"],
    ]
    done, _ = watched([["train", "thumbnail", "--run", "a"], ["predict", "a"]], folder)
    assert [row["code"] for row in done] == [0, 0]
    done, tries = watched(asking, folder, TLK_OFFLINE="1")
    assert [row["code"] for row in done] == [2] * len(asking), done
    assert all("TLK_OFFLINE=1 forbids" in row["said"] for row in done), done
    assert tries == []


def test_the_watch_sees_what_is_asked_for(folder: Path) -> None:
    """Else the tests above would see nothing: a backbone from the hub is looked for where it is named."""
    done, tries = watched([["train", "adapter", "--backbone", "hf-hub:x/y"]], folder, HF_ENDPOINT=FOREIGN)
    assert done[0]["code"] == 2
    assert any("192.0.2.1" in line for line in tries), tries
