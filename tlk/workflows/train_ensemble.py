"""An ensemble recipe: its members trained one after another, then blended."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from tlk.data.collection import Collection, is_collection
from tlk.data.collection_pairs import read_pairs
from tlk.data.parts import LEFT_OUT
from tlk.errors import UserError
from tlk.files import write_json
from tlk.processes import rank
from tlk.recipe import load_members
from tlk.recipe_schema import EnsembleRecipe, Recipe
from tlk.training.accelerator import make_accelerator
from tlk.workflows.collection_tables import require_tables_of
from tlk.workflows.embed import fill_views
from tlk.workflows.ensemble import blend_members
from tlk.workflows.inputs import choose_device
from tlk.workflows.partial import choose_place, complete, open_partial
from tlk.workflows.progress import Reporter, Silent
from tlk.workflows.run import MEMBERS, VERIFICATION, Run
from tlk.workflows.run_names import PARTIAL
from tlk.workflows.skip_bad import kept_out
from tlk.workflows.train_one import train_one
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.verify import verify
from tlk.workflows.workspace import Workspace


def train_ensemble(
    workspace: Workspace, recipe: EnsembleRecipe, options: TrainOptions, reporter: Reporter
) -> tuple[Run, dict[str, Any]]:
    """Train all members over the same folds, blend them, and return the complete run with its numbers.

    What the members see of an image is computed in one pass over the images, by each of several processes for its
    share. An interrupted training goes on with the member that it was at; of several processes the first one writes.

    Raises:
        UserError: as for a single recipe.
    """
    recipes = load_members(recipe)
    device = choose_device(options.device)
    accelerator = make_accelerator(device, "fp32")  # of several processes, each learns its number
    first = accelerator.is_main_process
    reporter = reporter if first else Silent()
    place = choose_place(workspace.runs, recipe.name, options.run, options.resume, options.overwrite)
    fill_views(recipes, _paths(workspace), workspace, device, reporter)
    accelerator.wait_for_everyone()  # all have looked, and what all need is in the store
    with ExitStack() as until_complete:
        with accelerator.main_process_first():
            begun = options.resume or not first
            opened = open_partial(place, recipe, kept_out(workspace), begun, options.overwrite, first)
            run = until_complete.enter_context(opened)
        _train_members(run, recipe, recipes, workspace, options, reporter)
        if first:
            blend_members(run, recipe, place.name)
            if is_collection(workspace.data):
                require_tables_of(run, workspace.data)  # members of a run that is resumed may have had others
                write_json(run.folder / VERIFICATION, verify(run, workspace, options.device, reporter))
            complete(run, place)
    accelerator.wait_for_everyone()
    return Run(place), Run(place).numbers()


def _train_members(
    run: Run,
    recipe: EnsembleRecipe,
    recipes: Sequence[Recipe],
    workspace: Workspace,
    options: TrainOptions,
    reporter: Reporter,
) -> None:
    """Train the members that are not complete yet; a run in which nothing came about goes again."""
    members = replace(workspace, runs=run.folder / MEMBERS)
    left = sum(not (members.runs / member.run / "metrics.json").exists() for member in recipe.members)
    for member, single in zip(recipe.members, recipes, strict=True):
        if (members.runs / member.run / "metrics.json").exists():  # resumed
            continue
        reporter.note(f"training member {member.run}")
        unfinished = (members.runs / f"{member.run}{PARTIAL}").exists()
        try:
            how = replace(options, run=member.run, resume=unfinished, overwrite=False)
            with options.deadline.share(left):
                train_one(members, single, how, reporter)
        except UserError:
            if rank() == 0 and not any(members.runs.glob("*")):  # nothing was begun that could be resumed
                shutil.rmtree(run.folder)
            raise
        left -= 1


def _paths(workspace: Workspace) -> list[str]:
    """Return the images that the members are trained on and scored with."""
    if is_collection(workspace.data):
        collection = Collection(workspace.data)
        parts = read_pairs(collection, workspace.data).image_part
        return [path for path, part in zip(collection.paths, parts, strict=True) if part != LEFT_OUT]
    competition = workspace.competition()
    pairs = competition.train_pairs()
    return [*competition.paths("train/left", pairs.lefts), *competition.paths("train/right", pairs.rights)]
