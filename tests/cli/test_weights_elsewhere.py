"""A run that was trained on one machine predicts on another, where the weights lie in another place."""

import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from tlk.cli.main import run

pytestmark = pytest.mark.slow


def test_a_run_finds_its_weights_in_the_folder_that_is_named(
    competition_folder: Path,
    tiny_backbone: Path,
    workspace_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    shutil.copytree(tiny_backbone, "home/network")
    assert run(["train", "adapter", "--backbone", "local-dir:home/network", "--set", "training.epochs=2"]) == 0
    assert run(["predict", "adapter", "--out", "there.csv"]) == 0
    Path("home").rename("here")
    shutil.rmtree(".tlk")
    capsys.readouterr()
    assert run(["predict", "adapter", "--out", "here.csv"]) == 2
    said = capsys.readouterr().err
    assert "home/network has no config.json" in said
    assert "set TLK_WEIGHTS to the folder that holds network/" in said
    assert not Path("here.csv").exists()
    monkeypatch.setenv("TLK_WEIGHTS", "here")
    assert run(["predict", "adapter", "--out", "here.csv"]) == 0
    assert Path("here.csv").read_bytes() == Path("there.csv").read_bytes()

    weights = load_file("here/network/model.safetensors")
    changed = {name: value + value if value.ndim > 1 else value for name, value in weights.items()}
    save_file(changed, "here/network/model.safetensors")
    shutil.rmtree(".tlk")  # it holds what the run's models made of the images
    assert run(["predict", "adapter"]) == 2
    assert "run adapter was trained with other weights" in capsys.readouterr().err
