"""Models of a recipe: built from a seed, written, and read again without any other weights."""

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from tlk.backbones.depths import stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import find_stages, look
from tlk.constants import GRADIENT_MAPS
from tlk.errors import UserError
from tlk.models import network, transfer_autoencoder
from tlk.models.base import Given, Model
from tlk.recipe import load_recipe, recipe_names
from tlk.recipe_schema import Recipe
from tlk.training.models import build_model, load_model, save_model

PRETRAINED = [("barlow-twins", network), ("siamese-augmented", network), ("autoencoder-transfer", transfer_autoencoder)]


def single(name: str, settings: list[str] | None = None, backbone: str | None = None) -> Recipe:
    recipe = load_recipe(name, settings or [], backbone)
    assert isinstance(recipe, Recipe)
    return recipe


def small(name: str, folder: Path) -> tuple[Recipe, Given]:
    """Return a recipe, on small pictures and a tiny backbone, and what its model is given."""
    whole = single(name)
    local = f"local-dir:{folder}" if whole.uses_backbone else None
    settings = [f"pixels.size={64 if local else 16}"] if whole.pixels else []
    recipe = single(name, settings, local)
    if recipe.pixels is not None:
        return recipe, Given(channels=1 if recipe.pixels.colour == "grey" else 3, side=recipe.pixels.size)
    assert recipe.embedding is not None
    if recipe.embedding.keeps_gradients:
        return recipe, Given((math.prod(GRADIENT_MAPS),))
    if not recipe.embedding.keeps_maps:
        named = len(recipe.embedding.views) + len(recipe.embedding.descriptors)
        return recipe, Given((6, 4), local, places=tuple(number % 2 for number in range(named)))
    return recipe, Given((flat_width(folder, recipe),), local, recipe.embedding.views[0].at)


def flat_width(folder: Path, recipe: Recipe) -> int:
    """Return how many numbers the recipe's one stage gives."""
    backbone = load_backbone(f"local-dir:{folder}")
    stages = find_stages(backbone)
    assert recipe.embedding is not None
    at: Any = recipe.embedding.views[0].at
    maps, _ = look(backbone, stages[stage_number(at, len(stages))], torch.zeros(1, 3, 160, 160))
    return maps.numel()


def images(given: Given, count: int = 6) -> Tensor:
    """Return `(n, 2, …)` inputs, two orientations each: half of them left images, half right ones."""
    random = torch.Generator().manual_seed(0)
    if given.sizes:
        return torch.randn(count, 2, sum(given.sizes), generator=random)
    shape = (count, 2, given.channels, given.side, given.side)
    return torch.randint(256, shape, dtype=torch.uint8, generator=random)


def embedded(model: Model, given: Given) -> Tensor:
    with torch.no_grad():
        return model.embed(model.reduce(images(given)))


@pytest.mark.parametrize("name", [name for name in recipe_names() if isinstance(load_recipe(name), Recipe)])
def test_every_recipes_model_comes_back_as_it_was(name: str, tiny_backbone: Path, tmp_path: Path) -> None:
    recipe, given = small(name, tiny_backbone)
    model = build_model(recipe, given, 1)
    assert model.training
    model.fit(images(given), 0)
    model.eval()
    save_model(model, tmp_path / "model.safetensors")
    again = load_model(recipe, given, tmp_path / "model.safetensors")
    assert not any(module.training for module in again.modules())
    expected = embedded(model, given)
    assert torch.equal(embedded(again, given), expected)
    assert torch.equal(again.similarity(expected[:2], expected), model.similarity(expected[:2], expected))
    assert torch.isfinite(expected).all()


@pytest.mark.parametrize("name", ["siamese-scratch", "siamese-transfer", "adaptation", "autoencoder", "barlow-twins"])
def test_new_layers_are_drawn_from_the_seed_alone(name: str, tiny_backbone: Path) -> None:
    recipe, given = small(name, tiny_backbone)
    before = torch.random.get_rng_state()
    one, again, other = (list(build_model(recipe, given, seed).parameters()) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("name", "module"), PRETRAINED)
def test_a_saved_network_needs_no_pretrained_weights(
    name: str, module: ModuleType, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, given = small(name, tiny_backbone)
    model = build_model(recipe, given, 0)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(0.9)  # not what lies in the folder
    save_model(model.eval(), tmp_path / "model.safetensors")
    asked: list[bool] = []

    def watched(backbone: str, pretrained: bool = True, **options: Any) -> Any:
        asked.append(pretrained)
        return load_backbone(backbone, pretrained, **options)

    monkeypatch.setattr(module, "load_backbone", watched)
    again = load_model(recipe, given, tmp_path / "model.safetensors")
    assert asked
    assert not any(asked)
    assert torch.equal(embedded(again, given), embedded(model, given))
    assert recipe == small(name, tiny_backbone)[0]  # the recipe itself stays as it was


def test_a_frozen_network_comes_back_too(tiny_backbone: Path, tmp_path: Path) -> None:
    recipe, given = small("barlow-twins", tiny_backbone)
    recipe = recipe.model_copy(update={"model": recipe.model | {"frozen": True}})
    model = build_model(recipe, given, 0).eval()
    save_model(model, tmp_path / "model.safetensors")
    assert torch.equal(
        embedded(load_model(recipe, given, tmp_path / "model.safetensors"), given), embedded(model, given)
    )


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "other sizes", "other recipe"])
def test_files_that_do_not_fit_are_said(damage: str, tiny_backbone: Path, tmp_path: Path) -> None:
    recipe, given = small("adaptation", tiny_backbone)
    path = tmp_path / "model.safetensors"
    if damage != "missing":
        save_model(build_model(recipe, given, 0), path)
    if damage in ("truncated", "empty"):
        path.write_bytes(path.read_bytes()[: 100 * (damage == "truncated")])
    if damage == "other sizes":
        given = Given((6, 5))
    if damage == "other recipe":
        recipe, _ = small("thumbnail", tiny_backbone)
    with pytest.raises(UserError, match=f"^cannot load {path}: .*\ndelete .*, or make the run anew") as caught:
        load_model(recipe, given, path)
    assert len(str(caught.value).split("\n")) == 2


def test_nothing_is_left_of_a_file_that_could_not_be_written(tiny_backbone: Path, tmp_path: Path) -> None:
    recipe, given = small("adaptation", tiny_backbone)
    model = build_model(recipe, given, 0)
    model.state_dict = lambda: {"mean": None}  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(AttributeError):
        save_model(model, tmp_path / "model.safetensors")
    assert list(tmp_path.iterdir()) == []
