"""Candidate lists, scored by all models of a run, or of an ensemble's members."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tlk.models.registry import MODELS
from tlk.recipe_schema import Recipe
from tlk.scoring.blend import features
from tlk.scoring.similarity import COSINE, Scorer, list_similarities
from tlk.workflows.blend import Blend
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.run_embeddings import RunEmbeddings
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class Lists:
    """Candidate lists as images: paths of the queries, then of the gallery, and `(n, m)` rows of the gallery.

    `keys` are the images' content keys.
    """

    paths: list[str]
    keys: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class Scored:
    """`(n, m)` scores of lists, larger = more alike, and how many models had a part in them."""

    scores: np.ndarray
    models: int


def score_lists(run: Run, lists: Lists, workspace: Workspace, device: str, reporter: Reporter) -> Scored:
    """Score each list by itself with every model of the run.

    The models live in spaces of their own: their scores are averaged, each in the deviations that its out-of-fold
    scores have, never their embeddings. An ensemble adds its members' with the weights that all the folds deserve.

    Raises:
        UserError: a backbone or a model is not what the run was trained with.
    """
    blend = run.blend()
    if blend is not None:
        return _blended(run, blend, lists, workspace, device, reporter)
    deviations, count = np.array(run.calibration().deviations), len(run.models())
    scales = deviations if len(deviations) == count else [deviations.mean()]
    total, queries = np.zeros(lists.rows.shape), len(lists.rows)
    embedded = _embedded(run, lists, workspace, device, reporter)
    for scale, (embeddings, scorer) in zip(scales, embedded, strict=True):
        scores = list_similarities(embeddings[:queries], embeddings[queries:], lists.rows, scorer)
        total += scores.astype(np.float64) / scale
    return Scored(total / count, count)


def _blended(run: Run, blend: Blend, lists: Lists, workspace: Workspace, device: str, reporter: Reporter) -> Scored:
    total, models = np.zeros(lists.rows.shape), 0
    for member in blend.members:
        if member.weight == 0:  # one that helped in some folds alone
            continue
        scored = score_lists(run.member(member.run), lists, workspace, device, reporter)
        total += member.weight * features(blend.kind, scored.scores)
        models += scored.models
    return Scored(total, models)


def _embedded(
    run: Run, lists: Lists, workspace: Workspace, device: str, reporter: Reporter
) -> Iterator[tuple[np.ndarray, Scorer]]:
    """Yield each model's embeddings of the lists' images, and how it compares them."""
    recipe = run.recipe()
    assert isinstance(recipe, Recipe)  # noqa: S101  # an ensemble has a blend
    reader = workspace.reader(workspace.competition(), passes=len(run.models()) if recipe.pixels else 1)
    if "embeddings" in MODELS[recipe.model["name"]].gives:
        stored = RunEmbeddings(run, lists.paths, lists.keys, workspace)
        stored.compute(reader, device, reporter)
        yield from ((stored.read(view), COSINE) for view in stored.views)
    else:
        from tlk.workflows.run_models import embeddings_and_scorers

        yield from embeddings_and_scorers(run, reader, lists.paths, workspace, device, reporter)
