"""From a recipe's name to a run: a single recipe, or an ensemble of several."""

from typing import Any

import torch

from tlk.backbones.load import load_backbone
from tlk.constants import DEFAULT_RECIPE, DEFAULT_WITHOUT_WEIGHTS
from tlk.errors import UserError
from tlk.recipe import load_members, load_recipe
from tlk.recipe_schema import AnyRecipe, EnsembleRecipe, Recipe, backbone_of
from tlk.workflows.partial import choose_place, unfinished_inputs
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.skip_bad import as_begun, of_pairs, of_training, without_bad
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
    workspace = _without_bad(workspace, recipe, options, reporter)
    if isinstance(recipe, EnsembleRecipe):
        done = train_ensemble(workspace, recipe, options, reporter)
    else:
        done = train_one(workspace, recipe, options, reporter)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    return done


def _without_bad(workspace: Workspace, recipe: AnyRecipe, options: TrainOptions, reporter: Reporter) -> Workspace:
    """Return the workspace without the bad images, if that is asked for; a run that is resumed goes on as it began."""
    if options.resume:
        place = choose_place(workspace.runs, recipe.name, options.run, options.resume, options.overwrite)
        return as_begun(workspace, unfinished_inputs(place))
    if not options.skip_bad:
        return workspace
    members = load_members(recipe) if isinstance(recipe, EnsembleRecipe) else [recipe]
    unlabelled = any(isinstance(one, Recipe) and one.uses_unlabelled for one in members)
    return without_bad(workspace, of_training if unlabelled else of_pairs, reporter)


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
