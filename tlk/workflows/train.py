"""From a recipe and labelled pairs to a run: a model a fold, out-of-fold embeddings, the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from tlk.constants import DEFAULT_RECIPE, DEFAULT_WITHOUT_WEIGHTS, TOPK
from tlk.data.candidates import build_lists
from tlk.data.competition import Competition
from tlk.errors import UserError
from tlk.files import write_json
from tlk.models.registry import MODELS
from tlk.recipe import load_recipe
from tlk.recipe_schema import Recipe
from tlk.seeding import derive_seed
from tlk.training.accelerator import make_accelerator, require_tracker
from tlk.training.examples import Examples
from tlk.training.models import save_model
from tlk.training.train import Trainer
from tlk.workflows.evaluate import describe, outcomes
from tlk.workflows.folds import folds_of
from tlk.workflows.inputs import InputMaker, choose_device, input_maker
from tlk.workflows.manifest import Clock, describe_data, manifest
from tlk.workflows.partial import choose_place, complete, open_partial
from tlk.workflows.progress import Reporter, Silent
from tlk.workflows.run import Run
from tlk.workflows.split import split_pairs
from tlk.workflows.train_folds import FoldListener, best_epochs, train_folds
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class TrainOptions:
    """What `tlk train` was asked for."""

    recipe: str | None = None
    folds: Path | None = None
    run: str | None = None
    backbone: str | None = None
    settings: Sequence[str] = ()
    device: str = "auto"
    resume: bool = False
    overwrite: bool = False
    refit: bool = False
    log_with: str | None = None


def train(workspace: Workspace, options: TrainOptions, reporter: Reporter) -> tuple[Run, dict[str, Any]]:
    """Train a recipe over all folds and return the complete run with its numbers.

    Everything is written to `<run>.partial`, which is renamed when it is complete: an interrupted run can be resumed,
    and a run that is being overwritten stays as it was until then. Of several processes (torchrun) the first writes,
    and the others wait until what they need is there.

    Raises:
        UserError: anything that the user can mend, before the first step where it can be known by then.
    """
    clock = Clock()
    device = choose_device(options.device)
    require_tracker(options.log_with)
    accelerator = make_accelerator(device, "fp32")  # of several processes, each learns its number
    reporter = reporter if accelerator.is_main_process else Silent()
    competition = workspace.competition()
    pairs = competition.train_pairs()
    recipe, maker = _recipe_and_maker(options, accelerator, reporter)
    place = choose_place(workspace.runs, recipe.name, options.run, options.resume, options.overwrite)
    accelerator.wait_for_everyone()  # all have looked before the first one makes the folder
    passes = 2 if options.folds is None or recipe.pixels is not None else 1
    reader = workspace.reader(competition, passes=passes)
    with accelerator.main_process_first():
        folds, folds_path = folds_of(competition, pairs, reader, options.folds, reporter)
    split, list_length = split_pairs(recipe, folds), competition.list_length()
    build_lists(split.fold[split.scored], list_length, split.list_seed)  # too small for lists is said before the work
    clock.stop("folds")

    paths = [*competition.paths("train/left", pairs.lefts), *competition.paths("train/right", pairs.rights)]
    more = _unlabelled(recipe, competition)
    with accelerator.main_process_first():
        inputs, given = maker.make(reader, [*paths, *more], workspace.store(), reporter)
    clock.stop("embedding")

    data = describe_data(competition.name, paths, reader.keys(paths))
    made_from = {"folds": str(folds.list_seed), "images": data["fingerprint"], "embedding": maker.identity}
    with accelerator.main_process_first():
        run = open_partial(
            place, recipe, made_from, options.resume or not accelerator.is_main_process, options.overwrite
        )
    precision = recipe.training.precision if recipe.training else "fp32"
    in_parts = len(MODELS[recipe.model["name"]].gives) > 1
    accelerator = make_accelerator(device, precision, options.log_with, run.folder, in_parts)
    trainer = Trainer(recipe, given, accelerator, np.arange(len(paths), len(paths) + len(more)))
    examples = Examples(inputs, np.arange(len(pairs)), np.arange(len(pairs), 2 * len(pairs)), folds.group)
    oof = train_folds(run, trainer, examples, split, pairs, list_length, reporter)
    if options.refit:
        _refit(run, trainer, examples, reporter)
    clock.stop("training")
    numbers = describe(run.name, recipe.name, outcomes(oof), min(TOPK, list_length), clock.seconds["training"])
    if accelerator.is_main_process:
        oof.write(run.folder / "oof.npz")
        write_json(run.folder / "manifest.json", manifest(data, folds_path, recipe, accelerator, maker.identity, clock))
        write_json(run.folder / "metrics.json", numbers)
        run = complete(run, place)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return Run(place), numbers


def _recipe_and_maker(options: TrainOptions, accelerator: Accelerator, reporter: Reporter) -> tuple[Recipe, InputMaker]:
    """Return the recipe and what makes its inputs; a default whose weights cannot be had gives way to one without."""
    recipe = _load(options.recipe or DEFAULT_RECIPE, options)
    try:
        return recipe, input_maker(recipe, accelerator.device)
    except UserError as error:
        if options.recipe is not None or options.backbone is not None:
            raise
        reporter.note(f"{str(error).splitlines()[0]}: taking recipe {DEFAULT_WITHOUT_WEIGHTS}, which needs no weights")
        recipe = _load(DEFAULT_WITHOUT_WEIGHTS, options)
        return recipe, input_maker(recipe, accelerator.device)


def _load(name: str, options: TrainOptions) -> Recipe:
    """Return the recipe as this run has it: what it scored elsewhere is not this run's."""
    return load_recipe(name, options.settings, options.backbone).model_copy(update={"scored": None})


def _unlabelled(recipe: Recipe, competition: Competition) -> list[str]:
    """Return the paths of the test half's images, if the recipe learns from images without labels."""
    if recipe.pretraining is None or recipe.pretraining.on != "images":
        return []
    return [path for side in ("test/left", "test/right") for path in competition.images(side).values()]


def _refit(run: Run, trainer: Trainer, examples: Examples, reporter: Reporter) -> None:
    """Train once more on all pairs, for as many epochs as the folds found right."""
    with reporter.track("training on all pairs") as progress:
        listener = FoldListener("refit", trainer.accelerator, reporter, progress)
        seed = derive_seed(trainer.recipe.seed, "refit")
        model = trainer.refit(examples, best_epochs(run, trainer.recipe), seed, listener)
    if trainer.accelerator.is_main_process:
        save_model(model, run.folder / "refit" / "model.safetensors")
