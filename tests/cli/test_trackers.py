"""Accelerate's trackers behind --log-with."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tlk.cli.main import run
from tlk.training import accelerator

SETTINGS = ("--set", "training.epochs=3", "--set", "model.components=16")


@pytest.mark.slow
def test_tensorboard_gets_the_numbers_of_the_history(
    competition_folder: Path, warm_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    assert run(["train", "descriptors", *SETTINGS, "--log-with", "tensorboard"]) == 0
    events = EventAccumulator(str(warm_workspace / "runs/descriptors/tlk"))
    events.Reload()
    rows = (warm_workspace / "runs/descriptors/history.csv").read_text().splitlines()[1:]
    logged = [event.value for event in events.Scalars("fold 0/training/loss")]
    expected = [float(row.split(",")[3]) for row in rows if row.startswith("0,")]
    assert logged == pytest.approx(expected, rel=1e-4)


def test_a_tracker_that_is_unknown_or_missing_is_said(
    competition_folder: Path,
    workspace_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    assert run(["train", "thumbnail", "--log-with", "paper"]) == 2
    assert "no such tracker\nthere is: tensorboard" in capsys.readouterr().err
    monkeypatch.setattr(accelerator, "find_spec", lambda name: None)
    assert run(["train", "thumbnail", "--log-with", "tensorboard"]) == 2
    assert "pip install" in capsys.readouterr().err
    assert not (workspace_folder / "runs").exists()
