"""Several processes: together they compute what one computes alone, and leave one run."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tlk.cli.main import run
from tlk.losses.registry import LOSSES

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("in_processes.py")
SECONDS = 300  # far more than any of these needs

Numbers = dict[str, np.ndarray]


def torchrun(processes: int, *arguments: str, code: int = 0) -> str:
    """Run a script or module in several processes on this machine and return all that they print."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes)]
    place = ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [*launcher, *place, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    ) as started:
        try:
            printed, _ = started.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)  # the launcher's own group: nobody else is in it
            raise
    assert started.returncode == code, printed
    return printed


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Numbers]:
    """What so many processes compute, each number once a session."""
    folder, known = tmp_path_factory.mktemp("computed"), dict[int, Numbers]()

    def compute(processes: int) -> Numbers:
        if processes not in known:
            torchrun(processes, str(SCRIPT), str(folder / f"{processes}.npz"))
            with np.load(folder / f"{processes}.npz") as arrays:
                known[processes] = dict(arrays)
            assert known[processes]["processes"] == processes
        return known[processes]

    return compute


# The loss, in how many parts, whether with negatives.
STEPS = [f"{name}-1-{loss.negatives == 'needed'}" for name, loss in LOSSES.items() if loss.takes != "images"]
STEPS += ["info_nce-1-True", "cosine_margin-1-True"]  # with mined negatives
STEPS += ["triplet-2-True", "contrastive-2-True", "binary_cross_entropy-2-True"]  # in two parts


@pytest.mark.parametrize("step", STEPS)
def test_two_processes_take_the_step_that_one_takes(computed: Callable[[int], Numbers], step: str) -> None:
    one, two = computed(1), computed(2)
    np.testing.assert_allclose(two[f"{step}/loss"], one[f"{step}/loss"], rtol=1e-5)
    gradient = one[f"{step}/gradient"]
    assert np.abs(gradient).max() > 0.01
    np.testing.assert_allclose(two[f"{step}/gradient"], gradient, rtol=1e-4, atol=1e-6 * np.abs(gradient).max())


def test_processes_agree_though_batch_norm_saw_other_pictures(computed: Callable[[int], Numbers]) -> None:
    two = computed(2)
    first, second = two["training/weights"]
    np.testing.assert_array_equal(first, second)
    first, second = two["training/scores"]
    np.testing.assert_array_equal(first, second)
    assert two["training/difference"] < 1e-6  # embeddings, half of them made by each, are those of one model


TINY = ["model.filters=[4, 8]", "model.kernels=[3]", "model.dense=[16]", "model.batch_norm=true", "pixels.size=32"]
STAGES = ["pixels.size=32", "model.encoder_filters=4", "model.decoder_filters=4", "model.dense=[16]"]
RUNS = {
    "descriptors": (["model.components=48", "training.epochs=6"], "training"),
    "siamese-scratch": ([*TINY, "training.epochs=3", "split=60/20/20"], "training"),
    "autoencoder-siamese": ([*STAGES, "training.epochs=2", "pretraining.training.epochs=2"], "pretraining"),
}


@pytest.mark.parametrize("recipe", list(RUNS))
def test_two_processes_train_one_run(
    competition_folder: Path, warm_workspace: Path, monkeypatch: pytest.MonkeyPatch, recipe: str
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    settings, first_stage = RUNS[recipe]
    chosen = [word for setting in settings for word in ("--set", setting)]
    printed = torchrun(2, "-m", "tlk", "train", recipe, *chosen, "--device", "cpu", "--refit")
    assert "Traceback" not in printed
    assert printed.count(f"run {recipe}: out-of-fold") == 1
    assert [path.name for path in Path("runs").iterdir()] == [recipe]
    folder = Path("runs") / recipe
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    keys = [(row["fold"], row["stage"], int(row["epoch"])) for row in rows]
    assert len(keys) == len(set(keys))  # one writer
    assert keys[0] == ("0", first_stage, 1)
    assert len({row["fold"] for row in rows}) == (5 if recipe == "descriptors" else 1)
    numbers = json.loads((folder / "metrics.json").read_text())
    assert numbers["n"] == (110 if recipe == "descriptors" else 22)
    assert all(0 <= value <= 1 for value in numbers["expected_top_k"].values())
    if recipe == "descriptors":
        assert numbers["expected_ci95"]["2"][0] > 0.15  # well above chance, one in ten
    assert run(["predict", recipe, "--out", "out.csv"]) == 0
    assert run(["check-submission", "out.csv"]) == 0


def test_two_processes_train_an_ensemble(
    competition_folder: Path, warm_workspace: Path, monkeypatch: pytest.MonkeyPatch, recipe_of_members: str
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    Path("pair.toml").write_text(recipe_of_members)
    printed = torchrun(2, "-m", "tlk", "--", "train", "pair.toml", "--device", "cpu")
    assert "Traceback" not in printed
    assert printed.count("run pair: out-of-fold") == 1
    assert [path.name for path in Path("runs").iterdir()] == ["pair"]
    assert run(["predict", "pair", "--out", "out.csv"]) == 0
    assert run(["check-submission", "out.csv"]) == 0


def test_two_processes_embed_each_its_share(
    competition_folder: Path,
    mobilenet_folder: Path,
    workspace_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    words = ["embed", "--backbone", f"local-dir:{mobilenet_folder}"]
    printed = torchrun(2, "-m", "tlk", "--", *words)
    said = re.findall(r"process (\d) of 2: (\d+) images, 1 views each: (\d+) computed", printed)
    assert sorted(number for number, _, _ in said) == ["1", "2"]
    shares = [int(computed) for _, _, computed in said]
    assert min(shares) > 0
    total = int(said[0][1])
    assert sum(shares) == total
    assert run([*words, "--export", "together"]) == 0
    assert " 0 computed" in capsys.readouterr().out
    monkeypatch.setenv("TLK_CACHE", "alone")
    assert run([*words, "--export", "alone-out"]) == 0
    one, two = (np.load(next(Path(folder).glob("*.npy"))).astype(np.float32) for folder in ("together", "alone-out"))
    np.testing.assert_allclose(one, two, rtol=1e-2, atol=1e-2)
    with Path("together/ids.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(one) == total
    assert {row["folder"] for row in rows} == {"train/left", "train/right", "test/left", "test/right"}


def test_where_one_process_fails_the_other_does_not_call_it_a_bug(
    competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    Path("blocked").touch()
    Path("start.py").write_text(
        "import os\n"
        "if os.environ['RANK'] == '1':\n"
        "    os.environ['TLK_CACHE'] = 'blocked/cache'\n"
        "from tlk.__main__ import main\n"
        "main()\n"
    )
    printed = torchrun(2, "start.py", "--", "train", "descriptors", "--device", "cpu", code=1)
    assert "error: " in printed
    assert "blocked/cache" in printed
    assert "bug of tlk" not in printed
    assert not Path("runs/descriptors").exists()


def test_a_connection_that_another_process_has_left_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*given: object, **named: object) -> None:
        raise RuntimeError("[pair.cc:553] Connection closed by peer [127.0.0.1]:11952. This is typically caused by")

    monkeypatch.setattr("tlk.cli.main.app", fail)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run(["train"]) == 2
    assert capsys.readouterr().err == (
        "error: another of the processes has ended, so this one does, too\nits own message says why\n"
    )


def test_several_processes_do_not_export(workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run(["embed", "--export", "folder"]) == 2
    assert not Path("folder").exists()
