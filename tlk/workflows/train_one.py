"""From a single recipe and labelled pairs to a run: a model a fold, out-of-fold embeddings, the numbers."""

import shutil
from contextlib import ExitStack
from typing import Any

from tlk.constants import TOPK
from tlk.data.collection import is_collection
from tlk.errors import UserError
from tlk.files import write_json
from tlk.models.registry import MODELS
from tlk.recipe_schema import Recipe
from tlk.seeding import derive_seed
from tlk.training.accelerator import make_accelerator, require_tracker
from tlk.training.examples import Examples
from tlk.training.finite import named
from tlk.training.models import save_model
from tlk.training.profile import WAITING, Profile
from tlk.training.train import Trainer
from tlk.workflows.calibration import calibrate
from tlk.workflows.evaluate import describe, outcomes
from tlk.workflows.inputs import choose_device, input_maker
from tlk.workflows.manifest import Clock, manifest, time_limit
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.partial import choose_place, complete, open_partial
from tlk.workflows.prepare import Prepared, prepare
from tlk.workflows.prepare_collection import prepare_collection
from tlk.workflows.progress import Reporter, Silent
from tlk.workflows.run import VERIFICATION, Run
from tlk.workflows.train_folds import FoldListener, best_epochs, train_folds, was_cut
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.verify import verify
from tlk.workflows.workspace import Workspace


def train_one(
    workspace: Workspace, recipe: Recipe, options: TrainOptions, reporter: Reporter
) -> tuple[Run, dict[str, Any]]:
    """Train a single recipe over all folds and return the complete run with its numbers.

    Everything is written to `<run>.partial`, which is renamed when it is complete: an interrupted run can be resumed,
    and a run that is being overwritten stays as it was until then. Of several processes (torchrun) the first writes,
    and the others wait until what they need is there.

    Raises:
        UserError: anything that the user can mend, before the first step where it can be known by then.
    """
    clock, device, profile = Clock(), choose_device(options.device), options.profile or Profile()
    deadline = options.deadline
    waited, stopped = profile.seconds[WAITING], deadline.stopped  # by the members before
    require_tracker(options.log_with)
    accelerator = make_accelerator(device, "fp32")  # of several processes, each learns its number
    reporter = reporter if accelerator.is_main_process else Silent()
    collected = is_collection(workspace.data)
    if collected and options.refit:
        raise UserError("--refit is for competitions: a collection's test part is never learned from\nleave it out")
    maker = input_maker(recipe, device, workspace.exports)
    place = choose_place(workspace.runs, recipe.name, options.run, options.resume, options.overwrite)
    accelerator.wait_for_everyone()  # all have looked before the first one makes the folder
    if collected:
        given = prepare_collection(workspace, options.folds, recipe, maker, accelerator, reporter, clock)
    else:
        given = prepare(workspace, options.folds, recipe, maker, accelerator, reporter, clock)
    with ExitStack() as until_complete:
        with accelerator.main_process_first():
            first = accelerator.is_main_process
            resume = options.resume or not first
            opened = open_partial(place, recipe, given.made_from, resume, options.overwrite, first)
            run = until_complete.enter_context(opened)
        precision = recipe.training.precision if recipe.training else "fp32"
        in_parts = len(MODELS[recipe.model["name"]].gives) > 1
        accelerator = make_accelerator(device, precision, options.log_with, run.folder, in_parts)
        trainer = Trainer(recipe, given.given, accelerator, given.unlabelled, given.unlabelled_left, profile, deadline)
        oof = _train(run, trainer, given, options, reporter)
        clock.stop("training")
        clock.seconds[WAITING] = round(profile.seconds[WAITING] - waited, 3)  # a part of it
        seconds = clock.seconds["training"]
        numbers = describe(run.name, recipe.name, outcomes(oof), min(TOPK, given.list_length), seconds)
        if first:
            oof.write(run.folder / "oof.npz")
            made = manifest(given.data, given.folds_path, recipe, accelerator, maker.identity, clock)
            made |= time_limit(deadline.minutes, deadline.stopped > stopped or was_cut(run, recipe))
            write_json(run.folder / "manifest.json", made | {"calibration": calibrate(oof).model_dump()})
            write_json(run.folder / "metrics.json", numbers)
            if collected:
                reporter.note("comparing the pairs of the validation and the test part")
                write_json(run.folder / VERIFICATION, verify(run, workspace, options.device, reporter))
            complete(run, place)
    accelerator.wait_for_everyone()
    for tracker in accelerator.trackers:  # not `end_training`: an ensemble's next member needs the other processes
        tracker.finish()
    return Run(place), numbers


def _train(run: Run, trainer: Trainer, given: Prepared, options: TrainOptions, reporter: Reporter) -> OutOfFold:
    """Train all folds, and once more on all pairs if asked to; a run in which nothing came about goes again."""
    try:
        oof = train_folds(
            run, trainer, given.examples, given.split, given.pairs, given.list_length, reporter, int(options.refit)
        )
        if options.refit:
            _refit(run, trainer, given.examples, reporter)
    except UserError:
        if trainer.accelerator.is_main_process and not any(run.folder.glob("fold*/*")):  # nothing to resume
            shutil.rmtree(run.folder, ignore_errors=True)
        raise
    return oof


def _refit(run: Run, trainer: Trainer, examples: Examples, reporter: Reporter) -> None:
    """Train once more on all pairs, for as many epochs as the folds found right."""
    with reporter.track("training on all pairs") as progress:
        listener = FoldListener("refit", trainer.accelerator, reporter, progress)
        seed = derive_seed(trainer.recipe.seed, "refit")
        with named("refit"):
            model = trainer.refit(examples, best_epochs(run, trainer.recipe), seed, listener)
    if trainer.accelerator.is_main_process:
        save_model(model, run.folder / "refit" / "model.safetensors")
