"""From a recipe's name to a run: a single recipe, or an ensemble of several."""

from typing import Any

import torch

from tlk.backbones.load import load_backbone
from tlk.constants import DEFAULT_RECIPE, DEFAULT_WITHOUT_WEIGHTS
from tlk.errors import UserError
from tlk.recipe import load_recipe
from tlk.recipe_schema import AnyRecipe, EnsembleRecipe, backbone_of
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.train_ensemble import train_ensemble
from tlk.workflows.train_one import train_one
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace


def train(workspace: Workspace, options: TrainOptions, reporter: Reporter) -> tuple[Run, dict[str, Any]]:
    """Train a recipe over all folds and return the complete run with its numbers.

    Raises:
        UserError: anything that the user can mend, before the first step where it can be known by then.
    """
    recipe = _recipe(options, reporter)
    if isinstance(recipe, EnsembleRecipe):
        done = train_ensemble(workspace, recipe, options, reporter)
    else:
        done = train_one(workspace, recipe, options, reporter)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    return done


def _recipe(options: TrainOptions, reporter: Reporter) -> AnyRecipe:
    """Return the recipe; the default one gives way to one without weights where its own cannot be had."""
    recipe = _load(options.recipe or DEFAULT_RECIPE, options)
    if options.recipe is not None or options.backbone is not None:
        return recipe
    try:
        load_backbone(backbone_of(recipe) or "")
    except UserError as error:
        reporter.note(f"{str(error).splitlines()[0]}: taking recipe {DEFAULT_WITHOUT_WEIGHTS}, which needs no weights")
        return _load(DEFAULT_WITHOUT_WEIGHTS, options)
    return recipe


def _load(name: str, options: TrainOptions) -> AnyRecipe:
    """Return the recipe as this run has it: what it scored elsewhere is not this run's."""
    return load_recipe(name, options.settings, options.backbone).model_copy(update={"scored": None})
