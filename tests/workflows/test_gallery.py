"""Ranks in the whole gallery, against loops."""

import json
from pathlib import Path

import numpy as np
import pytest

from tlk.cli.main import run
from tlk.data.competition import Competition
from tlk.workflows.gallery import evaluate_gallery, mean_similarity
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.progress import Silent
from tlk.workflows.workspace import Workspace


@pytest.fixture
def oof(competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> OutOfFold:
    """The out-of-fold embeddings of run `thumbnail`."""
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    assert run(["train", "thumbnail"]) == 0
    return OutOfFold.read(Path("runs/thumbnail/oof.npz"))


def test_both_directions_and_their_frequencies(oof: OutOfFold) -> None:
    row = evaluate_gallery(Workspace.here(), "thumbnail", False, Silent())
    ranks: dict[str, list[int]] = {"left_to_right": [], "right_to_left": []}
    positive, negative = [], []
    for i in range(len(oof.fold)):
        members = np.flatnonzero(oof.fold == oof.fold[i])
        own = oof.queries[i] @ oof.gallery[i]
        positive.append(own)
        negative += [oof.queries[i] @ oof.gallery[j] for j in members if j != i]
        for way, (one, other) in {
            "left_to_right": (oof.queries, oof.gallery),
            "right_to_left": (oof.gallery, oof.queries),
        }.items():
            ranks[way].append(sum(one[i] @ other[j] >= own - 1e-6 for j in members))
    for way, found in ranks.items():
        for k, part in row[way].items():
            assert part["found"] == sum(rank <= int(k) for rank in found)
            assert part["ci95"][0] <= part["share"] <= part["ci95"][1]
    assert row["rank_frequency"] == [ranks["left_to_right"].count(r) for r in range(1, max(ranks["left_to_right"]) + 1)]
    assert sum(row["rank_frequency"]) == row["n"] == len(oof.fold)
    assert mean_similarity(oof)["positive"] == pytest.approx(np.mean(positive), abs=1e-5)
    assert mean_similarity(oof)["negative"] == pytest.approx(np.mean(negative), abs=1e-5)
    assert np.mean(positive) > np.mean(negative)


def test_pairs_fall_into_strata_by_their_faces(oof: OutOfFold, monkeypatch: pytest.MonkeyPatch) -> None:
    from tlk.embeddings import faces

    competition = Competition(Workspace.here().data)
    pairs = competition.train_pairs()
    images = dict(competition.images("train/left")) | {
        f"right {k}": v for k, v in competition.images("train/right").items()
    }
    assert len(images) == 2 * len(pairs)
    monkeypatch.setattr(faces.FaceDetector, "prepare", lambda self, image: int(image[:8, :8].mean() > 128))
    row = evaluate_gallery(Workspace.here(), "thumbnail", True, Silent())
    assert sum(part["n"] for part in row["faces"].values()) == len(oof.fold)
    whole = sum(part["n"] * part["expected_top_2"] for part in row["faces"].values()) / len(oof.fold)
    numbers = json.loads(Path("runs/thumbnail/metrics.json").read_text())
    assert whole == pytest.approx(numbers["expected_top_k"]["2"])


def test_the_command_prints_and_refuses(oof: OutOfFold, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "thumbnail", "--gallery"]) == 0
    printed = capsys.readouterr().out
    assert "right → left" in printed
    assert "mean similarity" in printed
    assert run(["eval", "thumbnail", "--gallery", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["run"] == "thumbnail"
    for wrong in (
        ["eval", "thumbnail", "--faces"],
        ["eval", "--gallery"],
        ["eval", "--gallery", "--submission", "x.csv"],
    ):
        assert run(wrong) == 2
