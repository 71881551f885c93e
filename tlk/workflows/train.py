"""From a recipe and labelled pairs to a run: a model a fold, out-of-fold embeddings, the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from tlk.constants import DEFAULT_RECIPE, DEFAULT_WITHOUT_WEIGHTS, TOPK
from tlk.data.candidates import build_lists
from tlk.data.competition import Competition, Pairs
from tlk.data.reader import ImageReader
from tlk.embeddings.views import digest
from tlk.errors import UserError
from tlk.files import write_json
from tlk.models.base import Given
from tlk.models.registry import MODELS
from tlk.recipe import load_recipe
from tlk.recipe_schema import Recipe
from tlk.seeding import derive_seed
from tlk.training.accelerator import make_accelerator, require_tracker
from tlk.training.examples import Examples
from tlk.training.models import build_model, save_model
from tlk.training.train import Trainer
from tlk.workflows.evaluate import describe, outcomes
from tlk.workflows.folds import folds_of
from tlk.workflows.inputs import InputMaker, choose_device, input_maker
from tlk.workflows.manifest import Clock, describe_data, manifest
from tlk.workflows.partial import choose_place, complete, open_partial
from tlk.workflows.progress import Reporter, Silent
from tlk.workflows.run import Run
from tlk.workflows.split import Split, split_pairs
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
    given = _prepare(workspace, options, competition, pairs, recipe, maker, accelerator, reporter, clock)
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


@dataclass(frozen=True)
class _Prepared:
    """What a training is given."""

    examples: Examples
    unlabelled: np.ndarray  # numbers of images
    given: Given
    split: Split
    list_length: int
    folds_path: Path
    data: dict[str, Any]
    made_from: dict[str, str]  # fingerprints: a run is resumed only with the same


def _prepare(
    workspace: Workspace,
    options: TrainOptions,
    competition: Competition,
    pairs: Pairs,
    recipe: Recipe,
    maker: InputMaker,
    accelerator: Accelerator,
    reporter: Reporter,
    clock: Clock,
) -> _Prepared:
    """Read the data, make or read the folds, and embed what the store lacks: the first process alone, then all."""
    passes = 2 if options.folds is None or recipe.pixels is not None else 1
    reader = workspace.reader(competition, passes=passes)
    with accelerator.main_process_first():
        folds, folds_path = folds_of(competition, pairs, reader, options.folds, reporter)
    list_length = competition.list_length()
    split = split_pairs(recipe, folds, list_length)
    build_lists(split.fold[split.scored], list_length, split.list_seed)  # too small for lists is said before the work
    clock.stop("folds")
    paths = [*competition.paths("train/left", pairs.lefts), *competition.paths("train/right", pairs.rights)]
    more = _unlabelled(recipe, competition, reader, paths)
    with accelerator.main_process_first():
        inputs, given = maker.make(reader, [*paths, *more], workspace.store(), reporter)
    clock.stop("embedding")
    data = describe_data(competition.name, paths, reader.keys(paths))
    count = len(pairs)
    return _Prepared(
        examples=Examples(inputs, np.arange(count), np.arange(count, 2 * count), folds.group),
        unlabelled=np.arange(len(paths), len(paths) + len(more)),
        given=given,
        split=split,
        list_length=list_length,
        folds_path=folds_path,
        data=data,
        made_from={
            "folds": str(folds.list_seed),
            "images": data["fingerprint"],
            "unlabelled": describe_data("", more, reader.keys(more))["fingerprint"],
            "embedding": maker.identity,
            "weights": _initial_weights(recipe, given),
            "processes": f"{accelerator.num_processes} on {accelerator.device.type}",
        },
    )


def _initial_weights(recipe: Recipe, given: Given) -> str:
    """Return a fingerprint of what a network on pixels starts from; others start from the embedding."""
    if recipe.pixels is None:
        return ""
    state = sorted(build_model(recipe, given, 0).state_dict().items())
    return digest(part for key, value in state for part in (key.encode(), value.contiguous().numpy().tobytes()))


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


def _unlabelled(recipe: Recipe, competition: Competition, reader: ImageReader, paths: list[str]) -> list[str]:
    """Return the paths of the test half's images, if the recipe learns from images without labels.

    A file that is also a training image is left out: its pair may be one that is scored.
    """
    if recipe.pretraining is None or recipe.pretraining.on != "images":
        return []
    more = [path for side in ("test/left", "test/right") for path in competition.images(side).values()]
    known = np.isin(reader.keys(more), reader.keys(paths))
    return [path for path, there in zip(more, known, strict=True) if not there]


def _refit(run: Run, trainer: Trainer, examples: Examples, reporter: Reporter) -> None:
    """Train once more on all pairs, for as many epochs as the folds found right."""
    with reporter.track("training on all pairs") as progress:
        listener = FoldListener("refit", trainer.accelerator, reporter, progress)
        seed = derive_seed(trainer.recipe.seed, "refit")
        model = trainer.refit(examples, best_epochs(run, trainer.recipe), seed, listener)
    if trainer.accelerator.is_main_process:
        save_model(model, run.folder / "refit" / "model.safetensors")
