"""An ensemble recipe: its members trained one after another, then blended."""

import shutil
from dataclasses import replace
from typing import Any

from tlk.errors import UserError
from tlk.recipe import load_members
from tlk.recipe_schema import EnsembleRecipe
from tlk.workflows.embed import fill_views
from tlk.workflows.ensemble import blend_members
from tlk.workflows.inputs import choose_device
from tlk.workflows.partial import choose_place, complete, open_partial
from tlk.workflows.progress import Reporter
from tlk.workflows.run import MEMBERS, PARTIAL, Run
from tlk.workflows.train_one import train_one
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace


def train_ensemble(
    workspace: Workspace, recipe: EnsembleRecipe, options: TrainOptions, reporter: Reporter
) -> tuple[Run, dict[str, Any]]:
    """Train all members over the same folds, blend them, and return the complete run with its numbers.

    What the members see of an image is computed in one pass over the images. An interrupted training goes on with the
    member that it was at.

    Raises:
        UserError: as for a single recipe.
    """
    recipes = load_members(recipe)
    place = choose_place(workspace.runs, recipe.name, options.run, options.resume, options.overwrite)
    competition = workspace.competition()
    pairs = competition.train_pairs()
    paths = [*competition.paths("train/left", pairs.lefts), *competition.paths("train/right", pairs.rights)]
    fill_views(recipes, paths, workspace, choose_device(options.device), reporter)
    run = open_partial(place, recipe, {}, options.resume, options.overwrite)
    members = replace(workspace, runs=run.folder / MEMBERS)
    for member, single in zip(recipe.members, recipes, strict=True):
        if (members.runs / member.run / "metrics.json").exists():  # resumed
            continue
        reporter.note(f"training member {member.run}")
        unfinished = (members.runs / f"{member.run}{PARTIAL}").exists()
        try:
            train_one(members, single, replace(options, run=member.run, resume=unfinished, overwrite=False), reporter)
        except UserError:
            if not any(members.runs.glob("*")):  # nothing was begun that could be resumed
                shutil.rmtree(run.folder)
            raise
    numbers, _ = blend_members(run, recipe, place.name)
    return complete(run, place), numbers
