"""Ensembles through the command line: of runs that are there, and of a recipe's members."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import SharedFolder
from tlk.cli.main import run
from tlk.workflows import ensemble as ensembles
from tlk.workflows import train_folds
from tlk.workflows.checksums import CHECKSUMS
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.run import Run
from tlk.workflows.sampled_lists import SampledLists

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def trained(competition_folder: Path, warm_cache: Path, shared_folder: SharedFolder) -> Path:
    """A workspace with runs of two recipes, one of them twice."""

    def make(folder: Path) -> None:
        shutil.copytree(warm_cache, folder / ".tlk")
        small = ["--data", str(competition_folder), "--set", "training.epochs=4", "--set", "model.components=64"]
        assert run(["train", "thumbnail", "--data", str(competition_folder)]) == 0
        assert run(["train", "descriptors", *small]) == 0
        assert run(["train", "descriptors", *small, "--set", "seed=1", "--run", "other-seed"]) == 0

    return shared_folder("members", make)


@pytest.fixture
def workspace(trained: Path, competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, workspace_folder, dirs_exist_ok=True)
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    return workspace_folder


def rows(path: str) -> dict[str, list[float]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return {row[0]: [float(value) for value in row[1:]] for row in list(csv.reader(file))[1:]}


def test_an_ensemble_is_a_run_of_its_own(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ensemble", "descriptors", "other-seed", "thumbnail"]) == 0
    told = capsys.readouterr().out
    assert all(name in told for name in ("descriptors", "other-seed", "thumbnail", "run ensemble: out-of-fold top-2"))
    assert run(["predict", "ensemble", "--out", "before.csv"]) == 0
    for name in ("descriptors", "other-seed", "thumbnail"):
        shutil.rmtree(workspace / "runs" / name)
    assert run(["predict", "--out", "after.csv"]) == 0
    assert Path("before.csv").read_bytes() == Path("after.csv").read_bytes()
    assert run(["check-submission", "after.csv"]) == 0
    capsys.readouterr()
    assert run(["eval", "--json"]) == 0
    (numbers,) = json.loads(capsys.readouterr().out)
    assert numbers == json.loads((workspace / "runs/ensemble/metrics.json").read_text())
    assert run(["eval", "ensemble", "--gallery"]) == 0
    assert json.loads((workspace / "runs/ensemble/manifest.json").read_text())["transductive"] is True


@pytest.mark.parametrize("blend", ["log_odds", "z_score", "rank"])
def test_the_scores_are_the_weighted_sum_of_the_members(workspace: Path, blend: str) -> None:
    assert run(["ensemble", "descriptors", "thumbnail", "--blend", blend, "--weights", "equal"]) == 0
    whole = Run(workspace / "runs" / "ensemble")
    kept, oof = whole.blend(), whole.out_of_fold()
    assert kept is not None
    assert len(kept.members) == 2
    fold = np.flatnonzero(oof.fold == 1)
    expected = np.zeros((len(fold), len(fold)))
    for member in kept.members:
        own = OutOfFold.read(workspace / "runs" / member.run / "oof.npz")
        block = own.queries[fold] @ own.gallery[fold].T
        if blend == "rank":
            block = 2 * np.array([(row[:, None] > row).sum(1) + (row[:, None] == row).sum(1) / 2 for row in block])
            block = block / (len(fold) - 1)
        elif blend == "z_score":
            block = block / block.std(axis=1, keepdims=True)
        else:
            block = block / SampledLists.of(own).deviations()[1]
        expected += member.fold_weights[1] * block
    found = oof.scorer.similarity(oof.queries[fold], oof.gallery[fold])
    shift = (found - expected).mean(axis=1, keepdims=True)  # a constant of a list has no say
    np.testing.assert_allclose(found - shift, expected, atol=1e-5)


def test_without_matching_a_row_does_not_depend_on_other_rows(workspace: Path, competition_folder: Path) -> None:
    assert run(["ensemble", "descriptors", "thumbnail"]) == 0
    assert run(["predict", "ensemble", "--no-matching", "--out", "whole.csv"]) == 0
    fewer = workspace / "fewer"
    shutil.copytree(competition_folder, fewer)
    lines = (fewer / "test_candidates.csv").read_text().splitlines(keepends=True)
    (fewer / "test_candidates.csv").write_text("".join(lines[:4]))
    assert run(["predict", "ensemble", "--no-matching", "--data", str(fewer), "--out", "few.csv"]) == 0
    whole, few = rows("whole.csv"), rows("few.csv")
    assert len(few) == 3
    for query, scores in few.items():
        np.testing.assert_allclose(scores, whole[query], atol=1e-5)


def test_matching_that_is_not_wanted_is_not_said(
    workspace: Path, recipe_of_members: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pair.toml").write_text(recipe_of_members)
    assert run(["train", "pair.toml"]) == 0
    capsys.readouterr()
    assert run(["predict", "pair", "--no-matching"]) == 0
    said = capsys.readouterr().out
    assert "strictly per query" in said
    assert "test half" not in said


def test_a_recipe_of_members_trains_them_and_blends(
    workspace: Path, recipe_of_members: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("pair.toml").write_text(recipe_of_members)
    assert run(["train", "pair.toml"]) == 0
    told = capsys.readouterr().out
    assert all(word in told for word in ("brings", "hogs", "run pair: out-of-fold top-2"))
    assert {path.name for path in (workspace / "runs/pair/members").iterdir()} <= {"thumbnail", "hogs"}
    assert not list((workspace / "runs").glob("*.partial"))
    assert run(["predict", "pair"]) == 0
    assert run(["train", "pair.toml"]) == 0
    one, two = (json.loads((workspace / "runs" / name / "metrics.json").read_text()) for name in ("pair", "pair-2"))
    assert one["top_k"] == two["top_k"]
    assert run(["ensemble", "pair", "other-seed", "--run", "nested"]) == 0  # an ensemble is a run like any other
    assert run(["predict", "nested"]) == 0


def test_an_interrupted_ensemble_goes_on_with_the_member_that_it_was_at(
    workspace: Path, recipe_of_members: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("pair.toml").write_text(recipe_of_members)
    assert run(["train", "pair.toml", "--run", "whole"]) == 0
    real, saved = train_folds.save_model, []

    def save(model: object, path: Path) -> None:
        saved.append(path)
        if len(saved) == 8:  # the third fold of the second member
            raise KeyboardInterrupt
        real(model, path)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(train_folds, "save_model", save)
        assert run(["train", "pair.toml", "--run", "cut"]) == 130
    assert run(["train", "pair.toml", "--run", "cut"]) == 2
    kept = workspace / "runs/cut.partial/members/hogs.partial/fold1/model.safetensors"
    written = kept.stat().st_mtime_ns
    assert run(["train", "pair.toml", "--run", "cut", "--resume"]) == 0
    cut, whole = (json.loads((workspace / "runs" / name / "metrics.json").read_text()) for name in ("cut", "whole"))
    assert cut["expected_top_k"] == whole["expected_top_k"]
    members = workspace / "runs/cut/members/hogs/fold1/model.safetensors"
    assert not members.exists() or members.stat().st_mtime_ns == written


def test_what_cannot_be_blended_is_said(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["folds", "--seed", "4", "--out", "other.csv"]) == 0
    assert run(["train", "thumbnail", "--folds", "other.csv", "--run", "other-folds"]) == 0
    cases = {
        ("descriptors",): "an ensemble needs two runs",
        ("descriptors", "descriptors"): "an ensemble needs two runs",
        ("descriptors", "nothing"): "there is no run 'nothing'",
        ("descriptors", "other-folds"): "stand on other folds",
        ("descriptors", "thumbnail", "--blend", "mean"): "--blend mean: there is no such way",
        ("descriptors", "thumbnail", "--weights", "mine"): "--weights mine",
        ("descriptors", "thumbnail", "--run", "thumbnail"): "run 'thumbnail' exists",
        ("descriptors", "thumbnail", "--run", "thumbnail", "--overwrite"): "one of those to blend",
        ("descriptors", "ensemble", "--overwrite"): "one of those to blend",
        ("descriptors", "thumbnail", "--run", "cut"): "take --overwrite, or another name",  # it cannot be resumed
    }
    shutil.copytree(workspace / "runs" / "thumbnail", workspace / "runs" / "ensemble")
    (workspace / "runs" / "cut.partial").mkdir()
    (workspace / "runs" / "cut.partial" / "inputs.json").write_text("{}")
    before = sorted(workspace.rglob("*"))
    for words, message in cases.items():
        capsys.readouterr()
        assert run(["ensemble", *words]) == 2
        err = capsys.readouterr().err
        assert message in err
        assert len(err.splitlines()) <= 3
    assert sorted(workspace.rglob("*")) == before


def test_runs_that_know_nothing_are_not_blended(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ensembles, "fit_weights", lambda parts, *rest: np.zeros(len(parts)))
    assert run(["ensemble", "descriptors", "thumbnail"]) == 2
    assert "says more than chance" in capsys.readouterr().err
    assert {path.name for path in (workspace / "runs").iterdir()} == {"descriptors", "thumbnail", "other-seed"}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: '{"kind": "log_odds"}', "ensemble.json is not a run's"),
        (lambda text: None, "ensemble.json is missing"),
        (lambda text: edited(text, lambda members: members[0]["fold_weights"].pop()), "ensemble.json is not a run's"),
        (
            lambda text: edited(text, lambda members: [member["fold_weights"].pop() for member in members]),
            "ensemble.json is not of 5 folds",
        ),
        (lambda text: edited(text, lambda members: members[0].update(run="../../thumbnail")), "is not a run's"),
    ],
)
def test_a_damaged_ensemble_is_said(
    workspace: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[str], str | None], message: str
) -> None:
    assert run(["ensemble", "descriptors", "thumbnail", "--weights", "equal"]) == 0
    path = workspace / "runs/ensemble/ensemble.json"
    path.with_name(CHECKSUMS).unlink()  # else anything that has changed is only that
    text = damage(path.read_text())
    path.unlink() if text is None else path.write_text(text)
    for words in (["eval", "ensemble"], ["predict", "ensemble"], ["ensemble", "ensemble", "descriptors"]):
        capsys.readouterr()
        if words[0] == "predict" and "of 5 folds" in message:
            continue  # it needs no out-of-fold scores
        assert run([*words, "--run", "new"] if len(words) == 3 else words) == 2
        assert message in capsys.readouterr().err
    assert not list((workspace / "runs").glob("new*"))


def edited(text: str, change: Callable[[list[dict[str, Any]]], object]) -> str:
    document = json.loads(text)
    change(document["members"])
    return json.dumps(document)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:50])])
def test_a_run_without_its_models_is_no_member(
    workspace: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], object]
) -> None:
    damage(workspace / "runs/descriptors/fold2/model.safetensors")
    assert run(["ensemble", "thumbnail", "descriptors"]) == 2
    assert "cannot load runs/descriptors/fold2/model.safetensors" in capsys.readouterr().err
    assert not list((workspace / "runs").glob("ensemble*"))


def test_known_pairs_of_a_member_are_the_ensembles(workspace: Path) -> None:
    assert run(["train", "thumbnail", "--set", "known_pairs=true", "--run", "knowing"]) == 0
    assert run(["ensemble", "knowing", "descriptors"]) == 0
    assert Run(workspace / "runs/ensemble").recipe().known_pairs


def test_of_one_hold_out_the_members_weigh_alike_and_that_is_said(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("thumbnail", "descriptors"):
        fast = ["--set", "training.epochs=2"] if name == "descriptors" else []
        assert run(["train", name, "--set", "split=60/20/20", *fast, "--run", f"{name}-once"]) == 0
    capsys.readouterr()
    assert run(["ensemble", "thumbnail-once", "descriptors-once"]) == 0
    told = capsys.readouterr()
    assert "no weights can be fitted" in told.err
    assert told.out.count("0.50") == 2
