"""Every recipe, end to end on the embedded competition, at tiny size: train, evaluate, predict, check."""

import json
import math
from pathlib import Path

import pytest

from tlk.cli.main import run
from tlk.recipe import load_recipe, recipe_names
from tlk.tables import parse_table

pytestmark = pytest.mark.slow

# Smaller pictures and layers; the kind of layers, losses, splits and stages stays.
TINY = {
    "pixels": ["pixels.size=32"],
    "convnet": ["model.filters=[4, 8]", "model.kernels=[3]", "model.dense=[16]"],
    "autoencoder": ["model.encoder_filters=8", "model.decoder_filters=4"],
    "adapter": ["model.components=48"],
    "training": ["training.epochs=2", "training.patience=2"],
    "pretraining": ["pretraining.training.epochs=1"],
}


def tiny(name: str) -> list[str]:
    recipe = load_recipe(name)
    wanted = [*TINY["training"]] if recipe.training else []
    wanted += TINY["pixels"] if recipe.pixels else []
    wanted += TINY["pretraining"] if recipe.pretraining else []
    wanted += ["split=60/20/20"] if recipe.split == "70/15/15" else []  # so few pairs: 15 % are too few for lists
    wanted += TINY.get(recipe.model["name"], [])
    return [word for setting in wanted for word in ("--set", setting)]


@pytest.mark.parametrize("name", recipe_names())
def test_recipe(
    name: str,
    competition_folder: Path,
    tiny_backbone: Path,
    workspace_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    monkeypatch.setenv("TLK_CACHE", str(tiny_backbone.parent / "cache"))  # what one recipe embedded, others read
    backbone = ["--backbone", f"local-dir:{tiny_backbone}"] if load_recipe(name).uses_backbone else []
    assert run(["train", name, *backbone, *tiny(name), "--refit"]) == 0
    capsys.readouterr()
    assert run(["eval", name, "--json"]) == 0
    (numbers,) = json.loads(capsys.readouterr().out)
    assert numbers["recipe"] == name
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in numbers["expected_top_k"].values())
    recipe = load_recipe(name)
    history = Path("runs") / name / "history.csv"
    stages = {row[1] for row in parse_table(history.read_bytes(), "history").rows} if recipe.training else set()
    assert stages == ({"training"} if recipe.training else set()) | ({"pretraining"} if recipe.pretraining else set())
    assert run(["predict", name, "--out", "out.csv"]) == 0
    assert run(["check-submission", "out.csv"]) == 0
