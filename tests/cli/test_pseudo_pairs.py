"""Pseudo-pairs through the command line: a second training, marked, and refused where there is no test half."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tlk.cli.main import run

pytestmark = pytest.mark.slow

TRAIN = ["train", "descriptors", "--set", "pseudo_pairs=true", "--set", "training.epochs=3"]
SMALL = ["--set", "model.components=48", "--set", 'embedding.descriptors=["thumbnail"]']


def test_they_are_learned_from_and_said(
    competition_folder: Path,
    warm_workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    assert run([*TRAIN, *SMALL, "--refit"]) == 0
    counts = re.findall(
        r"(\d+) pseudo-pairs among 40 left images without labels: transductive", capsys.readouterr().err
    )
    assert len(counts) == 6  # five folds, and all pairs
    assert all(0 < int(count) <= 40 for count in counts)
    stages = {row.split(",")[1] for row in Path("runs/descriptors/history.csv").read_text().splitlines()[1:]}
    assert stages == {"training", "again training"}
    assert json.loads(Path("runs/descriptors/manifest.json").read_text())["transductive"] is True
    assert run(["predict", "descriptors"]) == 0
    assert "models that saw the test half" in capsys.readouterr().out


def test_without_a_test_half_they_are_refused(
    competition_folder: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(competition_folder / "train", "half/train")
    shutil.copy(competition_folder / "train.csv", "half")
    assert run([*TRAIN, *SMALL, "--data", "half"]) == 2
    err = capsys.readouterr().err
    assert "pseudo_pairs needs images in test/left and in test/right" in err
    assert len(err.strip().splitlines()) <= 3
    assert not Path("runs/descriptors").exists()
