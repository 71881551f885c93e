"""From a recipe and labelled pairs to a run: a head a fold, out-of-fold embeddings, the numbers."""

import hashlib
import os
import platform
import resource
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from tlk import __version__
from tlk.constants import CANDIDATES
from tlk.data.candidates import build_lists
from tlk.data.competition import Competition
from tlk.data.folds import Folds
from tlk.embeddings.views import Embedder
from tlk.errors import UserError
from tlk.files import write_json, write_text
from tlk.recipe import Recipe, load_recipe
from tlk.seeding import derive_seed
from tlk.tables import format_table, parse_table
from tlk.training.heads import PairFeatures, apply_head, load_head, save_head, train_head
from tlk.workflows.evaluate import describe, outcomes
from tlk.workflows.features import build_embedder, choose_device, read_features
from tlk.workflows.folds import folds_of
from tlk.workflows.progress import Reporter
from tlk.workflows.run import PARTIAL, OutOfFold, Run, is_run_name
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


@dataclass
class _Clock:
    """Seconds by stage, for the manifest."""

    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def stop(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = round(now - self._last, 3)
        self._last = now


def train(workspace: Workspace, options: TrainOptions, reporter: Reporter) -> tuple[Run, dict[str, Any]]:
    """Train a recipe over all folds and return the complete run with its numbers.

    Everything is written to `<run>.partial`, which is renamed when it is complete: an interrupted run can be resumed,
    and a run that is being overwritten stays as it was until then.

    Raises:
        UserError: anything that the user can mend, before the first step where it can be known by then.
    """
    clock = _Clock()
    recipe = choose_recipe(options)
    name = _run_name(workspace.runs, recipe.name, options)
    device = choose_device(options.device)
    competition = workspace.competition()
    pairs = competition.train_pairs()
    recipe, embedder = _embedder(recipe, options, device, reporter)
    if options.run is None and options.recipe is None:
        name = _run_name(workspace.runs, recipe.name, options)
    reader = workspace.reader(competition, passes=2 if options.folds is None else 1)
    folds, folds_path = folds_of(competition, pairs, reader, options.folds, reporter)
    list_length = _list_length(competition)
    build_lists(folds.fold, list_length, folds.list_seed)  # folds too small for lists are said before the work
    clock.stop("folds")

    paths = [*competition.paths("train/left", pairs.lefts), *competition.paths("train/right", pairs.rights)]
    both, sizes = read_features(embedder, recipe.embedding.mirrored, reader, paths, workspace.store(), reporter)
    features = PairFeatures(both[: len(pairs)], both[len(pairs) :], sizes)
    clock.stop("embedding")

    run = _open_partial(workspace.runs / (name + PARTIAL), recipe, folds, options)
    accelerator = Accelerator(cpu=device.type == "cpu")
    oof = _train_folds(run, recipe, features, folds, list_length, accelerator, reporter)
    if options.refit:
        head, _ = train_head(recipe, features, folds.group, derive_seed(recipe.seed, "refit"), accelerator)
        save_head(head, run.folder / "refit" / "model.safetensors")
    clock.stop("training")

    oof.write(run.folder / "oof.npz")
    numbers = describe(name, recipe.name, outcomes(oof), 4, clock.seconds["training"])
    write_json(run.folder / "manifest.json", _manifest(competition, reader, paths, folds_path, recipe, device, clock))
    write_json(run.folder / "metrics.json", numbers)
    return _complete(run, workspace.runs / name), numbers


def choose_recipe(options: TrainOptions) -> Recipe:
    """Return the recipe that was asked for, or the default one."""
    return load_recipe(options.recipe or "adapter", options.settings, options.backbone)


def _embedder(
    recipe: Recipe, options: TrainOptions, device: torch.device, reporter: Reporter
) -> tuple[Recipe, Embedder]:
    """Return the recipe's embedder; a default recipe whose weights cannot be had gives way to one that needs none."""
    try:
        return recipe, build_embedder(recipe.embedding, device)
    except UserError as error:
        if options.recipe is not None or options.backbone is not None:
            raise
        reporter.note(f"{str(error).splitlines()[0]}: taking recipe descriptors, which needs no weights")
        recipe = load_recipe("descriptors", options.settings)
        return recipe, build_embedder(recipe.embedding, device)


def _run_name(runs: Path, recipe: str, options: TrainOptions) -> str:
    name = options.run or recipe
    if not is_run_name(name):
        raise UserError(f"--run {name}: a run's name has letters, digits, dots, dashes and underscores")
    taken = (runs / name).exists() or (runs / (name + PARTIAL)).exists()
    if options.resume and not (runs / (name + PARTIAL)).exists():
        raise UserError(f"--resume: there is no unfinished run {name!r} in {runs}\nstart it without --resume")
    if not taken or options.resume or options.overwrite:
        return name
    if options.run is not None:
        what = "exists" if (runs / name).exists() else "was left unfinished"
        raise UserError(f"run {name!r} {what} in {runs}\ntake --overwrite, --resume, or another name with --run")
    number = 2
    while (runs / f"{name}-{number}").exists() or (runs / f"{name}-{number}{PARTIAL}").exists():
        number += 1
    return f"{name}-{number}"


def _open_partial(folder: Path, recipe: Recipe, folds: Folds, options: TrainOptions) -> Run:
    run = Run(folder)
    if options.resume:
        kept = (folder / "folds.csv").read_text(encoding="utf-8") if (folder / "folds.csv").exists() else ""
        if run.recipe() != recipe or kept != folds.to_csv():
            raise UserError(
                f"--resume: {folder} was started with another recipe or other folds\nstart anew: --overwrite"
            )
        return run
    shutil.rmtree(folder, ignore_errors=True)
    write_text(folder / "folds.csv", folds.to_csv())
    run.write_recipe(recipe)
    return run


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
    """Lay each fold's rows back to where its pairs stand; narrower embeddings are padded with zeros."""
    ordered = np.zeros((len(folds.fold), max(part.shape[1] for part in parts)), np.float32)
    for fold, part in enumerate(parts):
        ordered[folds.fold == fold, : part.shape[1]] = part
    return ordered


def _kept_history(run: Run) -> list[list[str]]:
    """Return the history rows of the folds that are done, when resuming."""
    path = run.folder / "history.csv"
    if not path.exists():
        return []
    rows = parse_table(path.read_bytes(), str(path)).rows
    return [list(row) for row in rows if run.head(int(row[0])).exists()]


def _list_length(competition: Competition) -> int:
    """Return how many candidates the data's own lists have, where it has any."""
    return competition.test_lists().length if competition.has_test() else CANDIDATES


def _manifest(
    competition: Competition, reader: Any, paths: list[str], folds: Path, recipe: Recipe, device: Any, clock: _Clock
) -> dict[str, Any]:
    fingerprint = hashlib.blake2b(reader.keys(paths).tobytes() + "\n".join(paths).encode(), digest_size=16)
    return {
        "versions": {
            "tlk": __version__,
            "torch": torch.__version__,
            "timm": version("timm"),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "data": {"name": competition.name, "fingerprint": fingerprint.hexdigest(), "pairs": len(paths) // 2},
        "folds": str(folds),
        "seed": recipe.seed,
        "device": str(device),
        "cores": os.cpu_count(),
        "seconds": clock.seconds,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "transductive": False,
    }


def _complete(run: Run, folder: Path) -> Run:
    """Put the finished run in its place; an older one of the name goes only now."""
    (run.folder / "folds.csv").unlink(missing_ok=True)
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        run.folder.rename(folder)
        shutil.rmtree(old)
    else:
        run.folder.rename(folder)
    return Run(folder)
