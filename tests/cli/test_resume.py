"""Interrupted runs: what was complete is kept, and resuming ends where an undisturbed run does."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tlk.cli.main import run
from tlk.workflows import prepare, train_folds

pytestmark = pytest.mark.slow

FAST = ("--set", "training.epochs=3", "--set", "model.components=48")


@pytest.fixture
def data(competition_folder: Path, warm_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    return warm_workspace


def interrupt_after(folds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = train_folds.save_model
    saved: list[Path] = []

    def save(model: object, path: Path) -> None:
        if len(saved) == folds:
            raise KeyboardInterrupt
        saved.append(path)
        real(model, path)  # type: ignore[arg-type]

    monkeypatch.setattr(train_folds, "save_model", save)


def metrics(folder: Path, name: str) -> dict[str, object]:
    numbers = json.loads((folder / "runs" / name / "metrics.json").read_text())
    return {key: value for key, value in numbers.items() if key not in ("run", "seconds")}


def test_resume_ends_where_an_undisturbed_run_does(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "descriptors", *FAST, "--run", "whole"]) == 0
    with monkeypatch.context() as patch:
        interrupt_after(2, patch)
        assert run(["train", "descriptors", *FAST, "--run", "cut"]) == 130
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: interrupted")
    assert not (data / "runs" / "cut").exists()
    kept = (data / "runs" / "cut.partial" / "fold1" / "model.safetensors").stat().st_mtime_ns
    assert run(["train", "descriptors", *FAST, "--run", "cut"]) == 2  # neither --resume nor --overwrite
    assert run(["train", "descriptors", *FAST, "--run", "cut", "--resume"]) == 0
    assert (data / "runs" / "cut" / "fold1" / "model.safetensors").stat().st_mtime_ns == kept
    assert metrics(data, "cut") == metrics(data, "whole")
    with np.load(data / "runs/cut/oof.npz") as cut, np.load(data / "runs/whole/oof.npz") as whole:
        np.testing.assert_array_equal(cut["queries"], whole["queries"])
    cut_rows = (data / "runs/cut/history.csv").read_text().splitlines()
    whole_rows = (data / "runs/whole/history.csv").read_text().splitlines()
    assert [row.rsplit(",", 1)[0] for row in cut_rows] == [row.rsplit(",", 1)[0] for row in whole_rows]


def test_resuming_something_else_is_refused(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["train", "descriptors", *FAST, "--resume"]) == 2  # there is nothing to resume
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        assert run(["train", "descriptors", *FAST]) == 130
    assert run(["train", "descriptors", "--resume"]) == 2  # other settings
    assert run(["train", "descriptors", *FAST, "--resume"]) == 0


def test_overwriting_keeps_the_old_run_until_the_new_one_is_complete(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["train", "descriptors", *FAST]) == 0
    old = (data / "runs/descriptors/oof.npz").read_bytes()
    assert run(["train", "descriptors", *FAST, "--run", "descriptors"]) == 2
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        assert run(["train", "descriptors", *FAST, "--run", "descriptors", "--overwrite", "--set", "seed=9"]) == 130
    assert (data / "runs/descriptors/oof.npz").read_bytes() == old
    assert run(["train", "descriptors", *FAST, "--run", "descriptors", "--overwrite", "--set", "seed=9"]) == 0
    assert (data / "runs/descriptors/oof.npz").read_bytes() != old
    assert [path.name for path in (data / "runs").iterdir()] == ["descriptors"]


def test_damaged_runs_are_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "thumbnail", "--run", "r"]) == 0
    for name in ("oof.npz", "recipe.toml", "metrics.json"):
        shutil.copytree(data / "runs/r", data / "runs/damaged")
        (data / "runs/damaged" / name).write_bytes(b"\x00nonsense")
        assert run(["eval", "damaged"]) == 2
        assert name in capsys.readouterr().err
        shutil.rmtree(data / "runs/damaged")


def test_resume_finds_the_only_unfinished_run_of_the_recipe(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(["train", "descriptors", *FAST]) == 0
    with monkeypatch.context() as patch:
        interrupt_after(1, patch)
        assert run(["train", "descriptors", *FAST]) == 130  # descriptors-2
    assert run(["train", "descriptors", *FAST, "--resume", "--overwrite"]) == 2
    assert run(["train", "descriptors", *FAST, "--resume"]) == 0
    assert metrics(data, "descriptors-2") == metrics(data, "descriptors")


def test_a_run_that_lacks_a_model_is_not_averaged(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "thumbnail", "--run", "r"]) == 0
    (data / "runs/r/fold2/model.safetensors").unlink()
    assert run(["predict", "r"]) == 2
    assert "fold2" in capsys.readouterr().err
    assert not (data / "submissions").exists()


def test_a_name_taken_in_the_meantime_is_said(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = prepare.folds_of

    def slow(*arguments: object) -> object:
        (data / "runs" / "thumbnail.partial").mkdir(parents=True)  # another process starts
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(prepare, "folds_of", slow)
    assert run(["train", "thumbnail"]) == 2


def test_a_collapsed_run_writes_no_submission(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "descriptors", *FAST, "--set", "training.learning_rate=1e6", "--run", "c"]) in (0, 2)
    if (data / "runs/c/metrics.json").exists():
        code = run(["predict", "c", "--out", "c.csv"])
        assert code == 2 or run(["check-submission", "c.csv"]) == 0
