"""`tlk train --minutes`: it ends in time with every fold scored, says so, and a resumed run goes on without a limit."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workflows.conftest import Notes
from tlk.cli.main import run
from tlk.training.deadline import Deadline
from tlk.training.history import Epoch
from tlk.workflows import train, train_folds
from tlk.workflows.progress import Silent
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

LOOKS = 'embedding={descriptors=["thumbnail"]}'
SETTINGS = ("training.epochs=30", "training.patience=30", "model.components=16", LOOKS)


class Clock:
    """A clock that is turned by half a minute an epoch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = 0.0
        real = train_folds.FoldListener.epoch

        def epoch(listener: train_folds.FoldListener, stage: str, row: Epoch) -> None:
            self.time += 30
            real(listener, stage, row)

        monkeypatch.setattr(train_folds.FoldListener, "epoch", epoch)

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def data(competition_folder: Path, warm_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    return warm_workspace


def epochs(name: str) -> list[int]:
    with (Path("runs") / name / "history.csv").open(newline="") as file:
        return list(Counter(row["fold"] for row in csv.DictReader(file)).values())


def manifest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path("runs") / name / "manifest.json").read_text())
    return found


def test_no_time_is_refused(
    competition_folder: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for minutes in ("0", "nan", "inf", "-3"):
        assert run(["train", "descriptors", "--minutes", minutes, "--data", str(competition_folder)]) == 2
        assert "--minutes" in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.slow
def test_every_fold_has_its_share(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, reporter = Clock(monkeypatch), Notes()
    options = TrainOptions("descriptors", run="short", settings=SETTINGS, deadline=Deadline(10, clock))
    done, numbers = train.train(Workspace.here(), options, reporter)
    assert numbers["n"] == 110  # all pairs are scored
    assert clock.time <= 10 * 60
    assert epochs("short") == [4, 4, 4, 3, 3]  # nine minutes in five shares; an epoch that is begun is ended
    assert (manifest("short")["minutes"], manifest("short")["stopped_early"]) == (10, True)
    assert sum("no time for more: training ends after epoch" in note for note in reporter.notes) == 5
    assert done.models()[-1].exists()


@pytest.mark.slow
def test_enough_time_changes_nothing(data: Path) -> None:
    fast = ["--set", "training.epochs=3", "--set", "model.components=16", "--set", LOOKS]
    assert run(["train", "descriptors", *fast, "--run", "free"]) == 0
    assert run(["train", "descriptors", *fast, "--run", "ample", "--minutes", "600"]) == 0
    with np.load("runs/free/oof.npz") as free, np.load("runs/ample/oof.npz") as ample:
        for name in free.files:
            np.testing.assert_array_equal(free[name], ample[name])
    assert "minutes" not in manifest("free")
    assert "stopped_early" not in manifest("free")
    assert (manifest("ample")["minutes"], manifest("ample")["stopped_early"]) == (600, False)


@pytest.mark.slow
def test_what_was_interrupted_goes_on_without_a_limit(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        clock = Clock(patch)
        real, saved = train_folds.save_model, list[Path]()

        def save(model: Any, path: Path) -> None:
            if len(saved) == 2:
                raise KeyboardInterrupt
            saved.append(path)
            real(model, path)

        patch.setattr(train_folds, "save_model", save)
        options = TrainOptions("descriptors", settings=SETTINGS, deadline=Deadline(10, clock))
        with pytest.raises(KeyboardInterrupt):
            train.train(Workspace.here(), options, Silent())
    train.train(Workspace.here(), TrainOptions("descriptors", settings=SETTINGS, resume=True), Silent())
    assert epochs("descriptors") == [4, 4, 30, 30, 30]
    assert "minutes" not in manifest("descriptors")
    assert manifest("descriptors")["stopped_early"] is True  # two folds were


@pytest.mark.slow
def test_members_and_the_refit_share_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    how = list(SETTINGS)
    members = ", ".join(f'{{recipe = "descriptors", name = "m{i}", settings = {[*how, f"seed={i}"]}}}' for i in (1, 2))
    Path("both.toml").write_text(f'name = "both"\nsummary = ""\nsource = ""\nmembers = [{members}]\n')
    clock = Clock(monkeypatch)
    train.train(Workspace.here(), TrainOptions("both.toml", refit=True, deadline=Deadline(20, clock)), Silent())
    assert epochs("both/members/m1") == [3] * 5  # nine minutes for five folds and the training on all pairs
    assert set(epochs("both/members/m2")) == {3, 4}  # and what the first one left
    assert clock.time <= 20 * 60
    assert (manifest("both")["minutes"], manifest("both")["stopped_early"]) == (20, True)
