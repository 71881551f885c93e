"""Registry entries: strict parameters, and classes that are imported only when used."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from tlk.losses.registry import LOSSES
from tlk.miners.registry import MINERS
from tlk.models.base import Given, Model, Verdict
from tlk.models.registry import MODELS
from tlk.registry import Parameters


class Toy(Parameters):
    size: int = 1
    rate: float = 0.5


@pytest.mark.parametrize("given", [{"sise": 1}, {"size": "1"}, {"size": 1.0}, {"rate": float("inf")}, {"rate": "x"}])
def test_parameters_refuse_unknown_keys_and_other_types(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Toy.model_validate(given)


def test_parameters_do_not_change() -> None:
    toy = Toy(size=2)
    with pytest.raises(ValidationError, match="frozen"):
        toy.size = 3  # type: ignore[misc]
    assert toy == Toy(size=2, rate=0.5)


ENTRIES = {**MODELS, **LOSSES, **MINERS}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_names_a_class_that_takes_its_parameters(name: str, tiny_backbone: Path) -> None:
    entry = ENTRIES[name]
    thing = entry.load()
    assert entry.target.endswith(f":{thing.__name__}")
    assert entry.parameters.__doc__, "the first line of help"
    backbone = f"local-dir:{tiny_backbone}"
    own = {"backbone": backbone} if "backbone" in entry.parameters.model_fields else {}
    given = (Given((2,), backbone, "last", 3, 64),) if name in MODELS else ()
    assert thing(entry.parameters(**own), *given) is not None


def test_no_name_is_in_two_registries() -> None:
    assert len(ENTRIES) == len(MODELS) + len(LOSSES) + len(MINERS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_what_the_registry_says(name: str, tiny_backbone: Path) -> None:
    """Pictures are drawn by `reconstruct`, verdicts given by a `similarity` of its own; both are asked by name."""
    entry = MODELS[name]
    thing = entry.load()
    assert issubclass(thing, Model)
    assert hasattr(thing, "reconstruct") == ("images" in entry.gives)
    assert issubclass(thing, Verdict) == ("verdicts" in entry.gives)
    assert entry.gives in ({"embeddings"}, {"embeddings", "images"}, {"verdicts"})
    own = {"backbone": f"local-dir:{tiny_backbone}"} if "backbone" in entry.parameters.model_fields else {}
    model = thing(entry.parameters(**own), Given((2,), f"local-dir:{tiny_backbone}", "last", 3, 64))
    assert bool(list(model.parameters())) == entry.learns


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("adapter", {"components": 0}),
        ("adapter", {"whitening": 1.1}),
        ("adaptation", {"hidden": 0}),
        ("same_artist", {"dropout": 1.0}),
        ("tail", {"dimensions": 0}),
        ("tail", {"rate": 0.0}),
        ("network", {"trained_from": "final"}),
        ("network", {"trained_from": 0.5}),
        ("network", {"backbone": ""}),
        ("network", {"pretrained": False}),
        ("network", {"pretrained": False, "trained_from": "input", "frozen": True}),
        ("convnet", {"filters": (4, 4, 4), "kernels": (3, 3)}),
        ("convnet", {"kernels": (4,)}),
        ("convnet", {"kernels": (-1,)}),
        ("convnet", {"filters": ()}),
        ("convnet", {"filters": (4, 0)}),
        ("convnet", {"dense": ()}),
        ("convnet", {"dense": (0,)}),
        ("convnet", {"dense": (10**9,)}),
        ("autoencoder", {"layers": 0}),
        ("autoencoder", {"activation": "gelu"}),
        ("autoencoder", {"dense": (256, -1)}),
        ("transfer_autoencoder", {"at": "final"}),
        ("hard", {"subset": 1}),
        ("semi_hard", {"random": 1.5}),
        ("contrastive", {"margin": 0.0}),
    ],
)
def test_parameters_that_make_no_sense_are_refused(name: str, fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ENTRIES[name].parameters.model_validate(fault)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("network", {"pretrained": False, "trained_from": "input"}),
        ("convnet", {"filters": (4, 4, 4), "kernels": (3,)}),
        ("convnet", {"filters": (4, 4, 4), "kernels": (1, 3, 5)}),
        ("autoencoder", {"dense": ()}),
        ("tail", {"rate": 1}),
    ],
)
def test_others_are_taken(name: str, given: dict[str, object]) -> None:
    parameters = ENTRIES[name].parameters.model_validate(given)
    assert all(getattr(parameters, key) == value for key, value in given.items())


@pytest.mark.parametrize("registry", ["tlk.models.registry", "tlk.losses.registry", "tlk.miners.registry"])
def test_registries_know_their_parameters_without_torch(registry: str) -> None:
    code = f"""
import sys
import importlib
module = importlib.import_module({registry!r})
entries = next(v for k, v in vars(module).items() if k in ("MODELS", "LOSSES", "MINERS"))
assert all(entry.parameters.model_fields is not None for entry in entries.values())
sys.exit("torch" in sys.modules or "timm" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_recipes_load_no_torch() -> None:
    code = """
import sys, tlk.recipe, tlk.data.competition
[tlk.recipe.load_recipe(name) for name in tlk.recipe.recipe_names()]
sys.exit('torch' in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
