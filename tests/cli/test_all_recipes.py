"""Every recipe, end to end on the embedded competition, at tiny size: train, evaluate, predict, check."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest

from tlk.cli.main import run
from tlk.recipe import load_members, load_recipe, recipe_names
from tlk.recipe_schema import AnyRecipe, Recipe
from tlk.tables import parse_table

pytestmark = pytest.mark.slow

# Smaller pictures and layers; the kind of layers, losses, splits and stages stays.
TINY = {
    "pixels": ["pixels.size=32"],
    "convnet": ["model.filters=[4, 8]", "model.kernels=[3]", "model.dense=[16]"],
    "autoencoder": ["model.encoder_filters=8", "model.decoder_filters=4"],
    "adapter": ["model.components=48"],
    "adapters": ["model.components=16"],
    "tuned_adapters": ["model.components=16"],
    "gradient_network": ["model.components=16", "model.filters=[4, 4]"],
    "training": ["training.epochs=2", "training.patience=2"],
    "pretraining": ["pretraining.training.epochs=1"],
}


def tiny(recipe: Recipe) -> list[str]:
    """Return settings that make a recipe small."""
    wanted = [*TINY["training"]] if recipe.training else []
    wanted += TINY["pixels"] if recipe.pixels else []
    wanted += TINY["pretraining"] if recipe.pretraining else []
    wanted += ["split=60/20/20"] if recipe.split == "70/15/15" else []  # so few pairs: 15 % are too few for lists
    return wanted + TINY.get(recipe.model["name"], [])


def options(name: str) -> list[str]:
    recipe = load_recipe(name)
    if isinstance(recipe, Recipe):
        return [word for setting in tiny(recipe) for word in ("--set", setting)]
    members = [
        {"recipe": member.recipe, "name": member.run, "settings": [*member.settings, *tiny(single)]}
        for member, single in zip(recipe.members, load_members(recipe), strict=True)
    ]
    return ["--set", "members=" + str([Inline(member) for member in members])]


class Inline(dict[str, Any]):
    """A table as TOML writes it on one line."""

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key} = {json.dumps(value)}" for key, value in self.items()) + "}"


@pytest.fixture(scope="session")
def shared_cache(warm_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one recipe embedded, others read."""
    folder = tmp_path_factory.mktemp("shared") / "cache"
    shutil.copytree(warm_cache, folder)
    return folder


@pytest.mark.parametrize("name", recipe_names())
def test_recipe(
    name: str,
    competition_folder: Path,
    tiny_backbone: Path,
    shared_cache: Path,
    workspace_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    monkeypatch.setenv("TLK_CACHE", str(shared_cache))
    recipe = load_recipe(name)
    backbone = ["--backbone", f"local-dir:{tiny_backbone}"] if recipe.uses_backbone else []
    assert run(["train", name, *backbone, *options(name), "--refit"]) == 0
    capsys.readouterr()
    assert run(["eval", name, "--json"]) == 0
    (numbers,) = json.loads(capsys.readouterr().out)
    assert numbers["recipe"] == name
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in numbers["expected_top_k"].values())
    for history, trained in histories(name, recipe):
        stages = {row[1] for row in parse_table(history.read_bytes(), "history").rows} if trained.training else set()
        wanted = {"training"} if trained.training else set()
        assert stages == wanted | ({"pretraining"} if trained.pretraining else set())
    assert run(["predict", name, "--out", "out.csv"]) == 0
    assert run(["check-submission", "out.csv"]) == 0


def histories(name: str, recipe: AnyRecipe) -> list[tuple[Path, Recipe]]:
    """Return the history of a run, or those of the members that an ensemble has kept, each with its recipe."""
    folder = Path("runs") / name
    if isinstance(recipe, Recipe):
        return [(folder / "history.csv", recipe)]
    members = zip(recipe.members, load_members(recipe), strict=True)
    found = [(folder / "members" / member.run / "history.csv", single) for member, single in members]
    return [(path, single) for path, single in found if path.parent.exists()]
