"""From a run and candidate lists to a submission."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.errors import UserError
from tlk.files import write_text
from tlk.metrics import standardise
from tlk.scoring.similarity import list_similarities
from tlk.submission import format_submission, submission_faults
from tlk.tables import read_table
from tlk.training.heads import apply_head, load_head
from tlk.workflows.features import build_embedder, choose_device, read_features
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run, best_run, find_run
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class Prediction:
    """What `predict` did."""

    run: Run
    path: Path
    queries: int
    heads: int


def predict(workspace: Workspace, name: str | None, out: Path | None, device: str, reporter: Reporter) -> Prediction:
    """Score every test list with every fold's head and write the submission.

    The heads live in spaces of their own, so their scores are averaged, standardised per query, never their embeddings.
    Each row depends on its own query and candidates alone.

    Raises:
        UserError: no such run, or the data's test half is faulty.
    """
    competition = workspace.competition()
    lists = competition.test_lists()
    run = find_run(workspace.runs, name) if name else best_run(workspace.runs, competition.name)
    recipe = run.recipe()
    gallery = lists.gallery
    paths = [*competition.paths("test/left", lists.queries), *competition.paths("test/right", gallery)]
    embedder = build_embedder(recipe.embedding, choose_device(device))
    if embedder.identity != run.manifest()["embedding"]:
        raise UserError(
            f"run {run.name} was trained with other {'weights' if recipe.embedding.backbone else 'descriptors'}\n"
            "bring the former ones back, or train again"
        )
    reader = workspace.reader(competition, passes=1)
    features, sizes = read_features(embedder, recipe.embedding.mirrored, reader, paths, workspace.store(), reporter)
    place = {right: i for i, right in enumerate(gallery)}
    rows = np.array([[place[right] for right in candidates] for candidates in lists.candidates])
    scores = np.zeros(rows.shape)
    heads = run.heads()
    for path in heads:
        embeddings = apply_head(load_head(recipe, sizes, path), features)
        queries, rights = embeddings[: len(lists)], embeddings[len(lists) :]
        scores += standardise(list_similarities(queries, rights, rows).astype(np.float64))
    target = out or Path("submissions") / f"{name or 'submission'}.csv"
    if not scores.any(axis=1).all():
        query = lists.queries[int(np.flatnonzero(~scores.any(axis=1))[0])]
        raise UserError(
            f"run {run.name} scores all candidates of query {query!r} alike\nit has collapsed: train it anew"
        )
    write_text(target, format_submission(lists.queries, scores / len(heads)))
    return Prediction(run, target, len(lists), len(heads))


def check(workspace: Workspace, submission: Path) -> list[str]:
    """Return what is wrong with a submission for the data's test lists."""
    lists = workspace.competition().test_lists()
    return submission_faults(read_table(submission), lists.queries, lists.length)
