"""From a recipe and labelled pairs to a run: a model a fold, out-of-fold embeddings, the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from tlk.constants import DEFAULT_RECIPE, DEFAULT_WITHOUT_WEIGHTS, TOPK
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
from tlk.workflows.inputs import InputMaker, choose_device, input_maker
from tlk.workflows.manifest import Clock, manifest
from tlk.workflows.partial import choose_place, complete, open_partial
from tlk.workflows.prepare import prepare
from tlk.workflows.progress import Reporter, Silent
from tlk.workflows.run import Run
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
    clock, device = Clock(), choose_device(options.device)
    require_tracker(options.log_with)
    accelerator = make_accelerator(device, "fp32")  # of several processes, each learns its number
    reporter = reporter if accelerator.is_main_process else Silent()
    competition = workspace.competition()
    pairs = competition.train_pairs()
    recipe, maker = _recipe_and_maker(options, accelerator, reporter)
    place = choose_place(workspace.runs, recipe.name, options.run, options.resume, options.overwrite)
    accelerator.wait_for_everyone()  # all have looked before the first one makes the folder
    given = prepare(workspace, options.folds, competition, pairs, recipe, maker, accelerator, reporter, clock)
    with accelerator.main_process_first():
        resume = options.resume or not accelerator.is_main_process
        run = open_partial(place, recipe, given.made_from, resume, options.overwrite)
    precision = recipe.training.precision if recipe.training else "fp32"
    in_parts = len(MODELS[recipe.model["name"]].gives) > 1
    accelerator = make_accelerator(device, precision, options.log_with, run.folder, in_parts)
    trainer = Trainer(recipe, given.given, accelerator, given.unlabelled)
    oof = train_folds(run, trainer, given.examples, given.split, pairs, given.list_length, reporter)
    if options.refit:
        _refit(run, trainer, given.examples, reporter)
    clock.stop("training")
    numbers = describe(run.name, recipe.name, outcomes(oof), min(TOPK, given.list_length), clock.seconds["training"])
    if accelerator.is_main_process:
        oof.write(run.folder / "oof.npz")
        made = manifest(given.data, given.folds_path, recipe, accelerator, maker.identity, clock)
        write_json(run.folder / "manifest.json", made)
        write_json(run.folder / "metrics.json", numbers)
        complete(run, place)
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


def _refit(run: Run, trainer: Trainer, examples: Examples, reporter: Reporter) -> None:
    """Train once more on all pairs, for as many epochs as the folds found right."""
    with reporter.track("training on all pairs") as progress:
        listener = FoldListener("refit", trainer.accelerator, reporter, progress)
        seed = derive_seed(trainer.recipe.seed, "refit")
        model = trainer.refit(examples, best_epochs(run, trainer.recipe), seed, listener)
    if trainer.accelerator.is_main_process:
        save_model(model, run.folder / "refit" / "model.safetensors")
