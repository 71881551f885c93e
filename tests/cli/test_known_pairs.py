"""Queries that repeat a training pair: answered with that pair's match, where that is asked for."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tlk.cli.main import run

pytestmark = pytest.mark.slow


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]


def test_a_known_answer_stands_first_only_if_asked_for(
    competition_folder: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = workspace_folder / "data"
    shutil.copytree(competition_folder, data)
    left, right = rows(data / "train.csv")[5]
    query, *candidates = rows(data / "test_candidates.csv")[3]
    shutil.copyfile(data / f"train/left/{left}.jpg", data / f"test/left/{query}.jpg")
    shutil.copyfile(data / f"train/right/{right}.jpg", data / f"test/right/{candidates[7]}.jpg")
    assert run(["train", "thumbnail"]) == 0
    assert json.loads(Path("runs/thumbnail/manifest.json").read_text())["known_pairs"] is False
    scores = {}
    for way in ("--known-pairs", "--no-known-pairs"):
        for matching in ("--matching", "--no-matching"):
            capsys.readouterr()
            assert run(["predict", "thumbnail", way, matching, "--out", "out.csv"]) == 0
            assert ("1 answers known from training pairs" in capsys.readouterr().out) == (way == "--known-pairs")
            assert run(["check-submission", "out.csv"]) == 0
            scores[way, matching] = {row[0]: np.array(row[1:], float) for row in rows(Path("out.csv"))}
    for matching in ("--matching", "--no-matching"):
        assert scores["--known-pairs", matching][query].argmax() == 7
    plain, known = scores["--no-known-pairs", "--no-matching"], scores["--known-pairs", "--no-matching"]
    assert all(np.array_equal(plain[other], known[other]) for other in plain if other != query)
    assert run(["train", "thumbnail", "--set", "known_pairs=true", "--run", "knows"]) == 0
    assert json.loads(Path("runs/knows/manifest.json").read_text())["known_pairs"] is True
    capsys.readouterr()
    assert run(["predict", "knows"]) == 0
    assert "1 answers known" in capsys.readouterr().out


def test_without_training_pairs_nothing_is_known(
    competition_folder: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(competition_folder, workspace_folder / "data")
    assert run(["train", "thumbnail"]) == 0
    shutil.copytree(competition_folder / "test", workspace_folder / "half" / "test")
    shutil.copyfile(competition_folder / "test_candidates.csv", workspace_folder / "half" / "test_candidates.csv")
    assert run(["predict", "thumbnail", "--known-pairs", "--data", "half", "--out", "no.csv"]) == 2
    assert "has no training pairs" in capsys.readouterr().err
    assert not Path("no.csv").exists()
