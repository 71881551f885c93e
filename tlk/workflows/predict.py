"""From a run and candidate lists to a submission."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accelerate import Accelerator

from tlk.errors import UserError
from tlk.files import write_text
from tlk.metrics import standardise
from tlk.models.base import Model
from tlk.scoring.matching import in_deviations, is_one_to_one, match
from tlk.scoring.similarity import list_similarities
from tlk.submission import format_submission, submission_faults
from tlk.tables import read_table
from tlk.training.accelerator import make_accelerator
from tlk.training.embed import embed_images
from tlk.training.inputs import Inputs
from tlk.training.models import load_model
from tlk.training.scorer import scorer_of
from tlk.workflows.evaluate import SampledLists
from tlk.workflows.inputs import choose_device, input_maker
from tlk.workflows.progress import Reporter
from tlk.workflows.run import OutOfFold, Run, best_run, find_run
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class Prediction:
    """What `predict` did."""

    run: Run
    path: Path
    queries: int
    models: int
    matched: bool


def predict(
    workspace: Workspace,
    name: str | None,
    out: Path | None,
    device: str,
    reporter: Reporter,
    matching: bool | None = None,
) -> Prediction:
    """Score every test list with every fold's model and write the submission.

    The models live in spaces of their own: their scores are averaged, standardised per query, never their embeddings.
    Without matching each row depends on its own query and candidates alone; with it, on all lists. `matching` None does
    what the recipe says, where the lists are those of a matching.

    Raises:
        UserError: no such run, or the data's test half is faulty.
    """
    competition = workspace.competition()
    lists = competition.test_lists()
    run = find_run(workspace.runs, name) if name else best_run(workspace.runs, competition.name)
    recipe = run.recipe()
    paths = [*competition.paths("test/left", lists.queries), *competition.paths("test/right", lists.gallery)]
    chosen = choose_device(device)
    maker = input_maker(recipe, chosen)
    if maker.identity != run.manifest()["embedding"]:
        raise UserError(
            f"run {run.name} was trained with other {'weights' if recipe.uses_backbone else 'code or settings'}\n"
            "bring the former ones back, or train again"
        )
    models = run.models()
    reader = workspace.reader(competition, passes=len(models) if recipe.pixels else 1)
    inputs, given = maker.make(reader, paths, workspace.store(), reporter)
    place = {right: i for i, right in enumerate(lists.gallery)}
    rows = np.array([[place[right] for right in candidates] for candidates in lists.candidates])
    one_to_one = is_one_to_one(rows)
    if matching and not one_to_one:
        raise UserError(
            f"--matching: {len(lists)} lists with {len(lists.gallery)} right images are not one-to-one\n"
            "leave it out: each list is then scored by itself"
        )
    matched = one_to_one and (recipe.matching if matching is None else matching)
    if recipe.matching and matching is None and not one_to_one:
        reporter.note("the lists are not one-to-one: each is scored by itself, without matching")
    scores = np.zeros(rows.shape)
    accelerator = make_accelerator(chosen, recipe.training.precision if recipe.training else "fp32")
    with reporter.track("scoring") as progress:
        for number, path in enumerate(models):
            raw = _scores(load_model(recipe, given, path), inputs, len(paths), rows, accelerator)
            scores += in_deviations(raw, rows >= 0) if matched else standardise(raw)
            progress(number + 1, len(models), "")
    target = out or Path("submissions") / f"{name or 'submission'}.csv"
    if not scores.any(axis=1).all():
        query = lists.queries[int(np.flatnonzero(~scores.any(axis=1))[0])]
        raise UserError(
            f"run {run.name} scores all candidates of query {query!r} alike\nit has collapsed: train it anew"
        )
    if matched:
        temperature = SampledLists.of(OutOfFold.read(run.folder / "oof.npz")).temperature()
        scores = match(scores, rows, temperature)
    else:
        scores = scores / len(models)
    write_text(target, format_submission(lists.queries, scores))
    return Prediction(run, target, len(lists), len(models), matched)


def _scores(model: Model, inputs: Inputs, count: int, rows: np.ndarray, accelerator: Accelerator) -> np.ndarray:
    """Return one model's `(q, c)` float64 scores; the queries are the first of the images."""
    images = np.arange(count)
    model.to(accelerator.device)
    embeddings = embed_images(model, inputs.reduced(model, images), images, accelerator).cpu().numpy()
    queries, rights = embeddings[: len(rows)], embeddings[len(rows) :]
    return list_similarities(queries, rights, rows, scorer_of(model)).astype(np.float64)


def check(workspace: Workspace, submission: Path) -> list[str]:
    """Return what is wrong with a submission for the data's test lists."""
    lists = workspace.competition().test_lists()
    return submission_faults(read_table(submission), lists.queries, lists.length)
