"""A run's models, fold after fold: trained or taken up again, applied to the pairs that they have not seen."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
from accelerate import Accelerator

from tlk.data.competition import Pairs
from tlk.errors import damaged_run
from tlk.files import write_text
from tlk.models.base import Model
from tlk.recipe_schema import Recipe, TrainingParameters
from tlk.scoring.similarity import COSINE
from tlk.seeding import derive_seed
from tlk.tables import format_table, parse_table
from tlk.training.embed import embed_images
from tlk.training.examples import Examples
from tlk.training.finite import named, require_finite_embeddings
from tlk.training.history import EPOCH_COLUMNS, Epoch, best_epoch
from tlk.training.loop import Listener, is_unfinished
from tlk.training.models import load_model, save_model
from tlk.training.scorer import scorer_of
from tlk.training.train import AGAIN, Trainer
from tlk.workflows.out_of_fold import FoldScores, OutOfFold
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.split import Split

HISTORY = ("fold", "stage", *EPOCH_COLUMNS)


class FoldListener(Listener):
    """Tells the reporter and the tracker how a fold's training goes."""

    def __init__(
        self,
        fold: str,
        accelerator: Accelerator,
        reporter: Reporter,
        progress: Callable[[int, int, str], None] = lambda done, total, detail: None,
    ) -> None:
        self._fold = fold
        self._accelerator = accelerator
        self._reporter = reporter
        self._progress = progress

    def note(self, text: str) -> None:
        """Pass a note on."""
        self._reporter.note(text)

    def step(self, done: int, total: int, loss: float) -> None:
        """Show where the training stands."""
        self._progress(done, total, f"loss {loss:.3g}")

    def epoch(self, stage: str, row: Epoch) -> None:
        """Hand the epoch's numbers to the tracker, if there is one."""
        values = {name: value for name, value in asdict(row).items() if name != "epoch" and value is not None}
        self._accelerator.log({f"fold {self._fold}/{stage}/{name}": v for name, v in values.items()}, step=row.epoch)


def train_folds(
    run: Run,
    trainer: Trainer,
    examples: Examples,
    split: Split,
    pairs: Pairs,
    length: int,
    reporter: Reporter,
    later: int = 0,
) -> OutOfFold:
    """Return the out-of-fold embeddings of the scored pairs; a fold whose model is there already is not trained again.

    `length` is that of a candidate list; `later` trainings come after these.
    """
    deadline, scoring = trainer.deadline, 0.0
    left = sum(not run.model(fold).exists() for fold in range(split.count)) + later
    trainer.accelerator.init_trackers("tlk")
    history = kept_history(run)
    parts = []
    for fold in range(split.count):
        if run.model(fold).exists():  # resumed
            shutil.rmtree(run.model(fold).parent / "state", ignore_errors=True)
            model = load_model(trainer.recipe, trainer.given, run.model(fold)).to(trainer.accelerator.device)
        else:
            with deadline.share(left, scoring):
                model = _train_fold(run, trainer, examples.of(split.fold != fold), split, fold, history, reporter)
            left -= 1
        scoring = deadline.now()
        scored = examples.of(split.fold == fold)
        scored = replace(scored, inputs=scored.inputs.reduced(model, scored.images))
        sides = (embed_images(model, scored.inputs, side, trainer.accelerator) for side in (scored.left, scored.right))
        queries, gallery = (side.cpu().numpy() for side in sides)
        for embeddings in (queries, gallery):
            require_finite_embeddings(embeddings, f"fold {fold}'s model")
        scorer = scorer_of(model)
        block = None if scorer is COSINE else scorer.similarity(queries, gallery)
        parts.append(FoldScores(np.flatnonzero(split.fold == fold), queries, gallery, block))
        scoring = deadline.now() - scoring
    return OutOfFold.of(pairs, split.fold, parts, split.list_seed, length)


def _train_fold(
    run: Run,
    trainer: Trainer,
    examples: Examples,
    split: Split,
    fold: int,
    history: list[list[str]],
    reporter: Reporter,
) -> Model:
    """Train one fold's model and write it, with the rows that it adds to the history."""
    path, accelerator = run.model(fold), trainer.accelerator
    with reporter.track(f"training {fold + 1} of {split.count}") as progress:
        listener = FoldListener(str(fold), accelerator, reporter, progress)
        seed = derive_seed(trainer.recipe.seed, "fold", fold)
        with named(f"fold {fold}"):
            model, happened = trainer.train(examples, seed, path.parent / "state", listener)
    history += [[str(fold), stage, *row.cells()] for stage, rows in happened.items() for row in rows]
    if accelerator.is_main_process:
        write_text(run.folder / "history.csv", format_table(HISTORY, history))
        save_model(model, path)
        shutil.rmtree(path.parent / "state", ignore_errors=True)
    accelerator.wait_for_everyone()
    return model


def kept_history(run: Run) -> list[list[str]]:
    """Return the history rows of the folds that are done."""
    path = run.folder / "history.csv"
    if not path.exists():
        return []
    rows = parse_table(path.read_bytes(), str(path), lambda width: HISTORY).rows
    if not all(row[0].isdecimal() for row in rows):
        raise damaged_run(run.folder, f"{path} is damaged: its first column is not a fold")
    return [list(row) for row in rows if run.model(int(row[0])).exists()]


def best_epochs(run: Run, recipe: Recipe) -> dict[str, int]:
    """Return, for each stage, the median over the folds of the epoch that early stopping kept."""
    return {
        stage: int(np.median([best_epoch(rows, settings.watch) for rows in folds]))
        for stage, settings, folds in _stages(run, recipe)
    }


def was_cut(run: Run, recipe: Recipe) -> bool:
    """Return whether the training of any fold was ended for want of time, now or before the run was resumed."""
    return any(is_unfinished(rows, settings) for _, settings, folds in _stages(run, recipe) for rows in folds)


def _stages(run: Run, recipe: Recipe) -> list[tuple[str, TrainingParameters, list[list[Epoch]]]]:
    """Return each stage that there was, its settings, and the epochs of every fold."""
    once: dict[str, TrainingParameters | None] = {
        "training": recipe.training,
        "pretraining": recipe.pretraining.training if recipe.pretraining else None,
    }
    stages = once | {AGAIN + stage: settings for stage, settings in once.items()}
    found: dict[str, dict[str, list[Epoch]]] = {}
    for fold, stage, *cells in kept_history(run):
        row = Epoch.of(dict(zip(EPOCH_COLUMNS, cells, strict=True)))
        found.setdefault(stage, {}).setdefault(fold, []).append(row)
    return [
        (stage, settings, list(found[stage].values()))
        for stage, settings in stages.items()
        if settings is not None and stage in found
    ]
