"""From a recipe and labelled pairs to a run: a head a fold, out-of-fold embeddings, the numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from tlk.constants import DEFAULT_RECIPE, DEFAULT_WITHOUT_WEIGHTS, TOPK
from tlk.data.candidates import build_lists
from tlk.data.folds import Folds
from tlk.embeddings.views import Embedder
from tlk.errors import UserError
from tlk.files import write_json, write_text
from tlk.recipe import Recipe, load_recipe
from tlk.seeding import derive_seed
from tlk.tables import format_table, parse_table
from tlk.training.heads import PairFeatures, apply_head, load_head, refit_head, save_head, train_head
from tlk.workflows.evaluate import describe, outcomes
from tlk.workflows.features import build_embedder, choose_device, read_features
from tlk.workflows.folds import folds_of
from tlk.workflows.manifest import Clock, describe_data, manifest
from tlk.workflows.partial import choose_place, complete, open_partial
from tlk.workflows.progress import Reporter
from tlk.workflows.run import OutOfFold, Run
from tlk.workflows.workspace import Workspace

HISTORY = ("fold", "epoch", "loss", "inner_top_2", "seconds")


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


def train(workspace: Workspace, options: TrainOptions, reporter: Reporter) -> tuple[Run, dict[str, Any]]:
    """Train a recipe over all folds and return the complete run with its numbers.

    Everything is written to `<run>.partial`, which is renamed when it is complete: an interrupted run can be resumed,
    and a run that is being overwritten stays as it was until then.

    Raises:
        UserError: anything that the user can mend, before the first step where it can be known by then.
    """
    clock = Clock()
    device = choose_device(options.device)
    competition = workspace.competition()
    pairs = competition.train_pairs()
    recipe, embedder = _recipe_and_embedder(options, device, reporter)
    place = choose_place(workspace.runs, recipe.name, options.run, options.resume, options.overwrite)
    reader = workspace.reader(competition, passes=2 if options.folds is None else 1)
    folds, folds_path = folds_of(competition, pairs, reader, options.folds, reporter)
    list_length = competition.list_length()
    build_lists(folds.fold, list_length, folds.list_seed)  # folds too small for lists are said before the work
    clock.stop("folds")

    paths = [*competition.paths("train/left", pairs.lefts), *competition.paths("train/right", pairs.rights)]
    both, sizes = read_features(embedder, recipe.embedding.mirrored, reader, paths, workspace.store(), reporter)
    features = PairFeatures(both[: len(pairs)], both[len(pairs) :], sizes)
    clock.stop("embedding")

    data = describe_data(competition.name, paths, reader.keys(paths))
    inputs = {"folds": str(folds.list_seed), "images": data["fingerprint"], "embedding": embedder.identity}
    run = open_partial(place, recipe, inputs, options.resume, options.overwrite)
    accelerator = Accelerator(cpu=device.type == "cpu")
    oof = _train_folds(run, recipe, features, folds, list_length, accelerator, reporter)
    if options.refit:
        head = refit_head(recipe, features, _median_epochs(run), derive_seed(recipe.seed, "refit"), accelerator)
        save_head(head, run.folder / "refit" / "model.safetensors")
    clock.stop("training")

    oof.write(run.folder / "oof.npz")
    numbers = describe(run.name, recipe.name, outcomes(oof), min(TOPK, list_length), clock.seconds["training"])
    write_json(run.folder / "manifest.json", manifest(data, folds_path, recipe, device, embedder, clock))
    write_json(run.folder / "metrics.json", numbers)
    return complete(run, place), numbers


def _recipe_and_embedder(options: TrainOptions, device: torch.device, reporter: Reporter) -> tuple[Recipe, Embedder]:
    """Return the recipe and its embedder; a default whose weights cannot be had gives way to one that needs none."""
    recipe = _load(options.recipe or DEFAULT_RECIPE, options)
    try:
        return recipe, build_embedder(recipe.embedding, device)
    except UserError as error:
        if options.recipe is not None or options.backbone is not None:
            raise
        reporter.note(f"{str(error).splitlines()[0]}: taking recipe {DEFAULT_WITHOUT_WEIGHTS}, which needs no weights")
        recipe = _load(DEFAULT_WITHOUT_WEIGHTS, options)
        return recipe, build_embedder(recipe.embedding, device)


def _load(name: str, options: TrainOptions) -> Recipe:
    """Return the recipe as this run has it: what it scored elsewhere is not this run's."""
    return load_recipe(name, options.settings, options.backbone).model_copy(update={"scored": None})


def _train_folds(
    run: Run,
    recipe: Recipe,
    features: PairFeatures,
    folds: Folds,
    list_length: int,
    accelerator: Accelerator,
    reporter: Reporter,
) -> OutOfFold:
    queries, gallery = [], []
    history = _kept_history(run)
    with reporter.track("training") as progress:
        for fold in range(folds.count):
            learned = np.flatnonzero(folds.fold != fold)
            if run.head(fold).exists():  # resumed
                head = load_head(recipe, features.sizes, run.head(fold))
            else:
                seed = derive_seed(recipe.seed, "fold", fold)
                head, epochs = train_head(recipe, features.of(learned), folds.group[learned], seed, accelerator)
                history += [[str(fold), *epoch.cells()] for epoch in epochs]
                write_text(run.folder / "history.csv", format_table(HISTORY, history))
                save_head(head, run.head(fold))
            scored = features.of(np.flatnonzero(folds.fold == fold))
            queries.append(apply_head(head, scored.left))
            gallery.append(apply_head(head, scored.right))
            progress(fold + 1, folds.count)
    return OutOfFold.of(folds, _in_order(queries, folds), _in_order(gallery, folds), list_length)


def _in_order(parts: list[np.ndarray], folds: Folds) -> np.ndarray:
    """Lay each fold's rows back to where its pairs stand."""
    ordered = np.empty((len(folds.fold), parts[0].shape[1]), np.float32)
    for fold, part in enumerate(parts):
        ordered[folds.fold == fold] = part
    return ordered


def _median_epochs(run: Run) -> int:
    """Return the median over the folds of the epoch that early stopping kept; 0 where nothing was trained."""
    best: dict[str, tuple[float, int]] = {}
    for fold, epoch, _, score, _ in _kept_history(run):
        best[fold] = max(best.get(fold, (-1.0, 0)), (float(score), -int(epoch)))
    return int(np.median([-epoch for _, epoch in best.values()])) if best else 0


def _kept_history(run: Run) -> list[list[str]]:
    """Return the history rows of the folds that are done, when resuming."""
    path = run.folder / "history.csv"
    if not path.exists():
        return []
    rows = parse_table(path.read_bytes(), str(path)).rows
    return [list(row) for row in rows if run.head(int(row[0])).exists()]
