"""Models of a recipe: built, written and read again."""

from pathlib import Path

import torch
from accelerate.utils.memory import should_reduce_batch_size
from safetensors.torch import load_file, save

from tlk.errors import UserError, damaged_run
from tlk.files import replacing
from tlk.models.base import Given, Model
from tlk.models.registry import MODELS
from tlk.recipe_schema import Recipe
from tlk.registry import parameters_of
from tlk.seeding import derive_seed


def build_model(recipe: Recipe, given: Given, seed: int) -> Model:
    """Return the untrained model of a recipe; its new layers are drawn from `seed`.

    Raises:
        UserError: it does not fit what it is given, or its backbone cannot be had.
    """
    model_class, parameters = parameters_of(recipe.model, MODELS)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "weights"))
        try:
            model: Model = model_class(parameters, given)
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            what = f"model {recipe.model['name']} does not fit into memory"
            raise UserError(f"{what}\ntake fewer or smaller layers, or smaller pixels") from error
    return model


def save_model(model: Model, path: Path) -> None:
    """Write a model's weights and fitted statistics."""
    with replacing(path) as file:
        file.write(save({key: value.contiguous() for key, value in model.state_dict().items()}))


def load_model(recipe: Recipe, given: Given, path: Path) -> Model:
    """Return the model that `save_model` wrote, in evaluation mode.

    Raises:
        UserError: the file is missing or damaged, or was written for other inputs.
    """
    keys = MODELS[recipe.model["name"]].parameters.model_fields
    in_file = {"pretrained": False, "trained_from": "input", "frozen": False}  # all weights are there
    if "pretrained" in keys:
        update = {key: value for key, value in in_file.items() if key in keys}
        recipe = recipe.model_copy(update={"model": recipe.model | update})
    model = build_model(recipe, given, 0)
    try:
        model.load_state_dict(load_file(path))
    except Exception as error:  # safetensors and torch raise a kind of their own for every fault
        why = str(error).strip().splitlines()[0]
        raise damaged_run(path.parent.parent, f"cannot load {path}: {why}") from error
    return model.eval()
