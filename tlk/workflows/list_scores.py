"""Candidate lists, scored by all models of a run, or of an ensemble's members."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator

from tlk.errors import UserError
from tlk.models.base import Model
from tlk.recipe_schema import Recipe
from tlk.scoring.blend import features
from tlk.scoring.similarity import list_similarities
from tlk.training.accelerator import make_accelerator
from tlk.training.embed import embed_images
from tlk.training.inputs import Inputs
from tlk.training.models import load_model
from tlk.training.scorer import scorer_of
from tlk.workflows.blend import Blend
from tlk.workflows.inputs import input_maker
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.sampled_lists import SampledLists
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class Lists:
    """Candidate lists as images: paths of the queries, then of the gallery, and `(n, m)` rows of the gallery."""

    paths: Sequence[str]
    rows: np.ndarray


@dataclass(frozen=True)
class Scored:
    """`(n, m)` scores of lists, larger = more alike, and how many models had a part in them."""

    scores: np.ndarray
    models: int


def score_lists(run: Run, lists: Lists, workspace: Workspace, device: torch.device, reporter: Reporter) -> Scored:
    """Score each list by itself with every model of the run.

    The models live in spaces of their own: their scores are averaged, each in the deviations that its out-of-fold
    scores have, never their embeddings. An ensemble adds its members' with the weights that all the folds deserve.

    Raises:
        UserError: a backbone or a model is not what the run was trained with.
    """
    blend = run.blend()
    if blend is not None:
        return _blended(run, blend, lists, workspace, device, reporter)
    recipe = run.recipe()
    assert isinstance(recipe, Recipe)  # noqa: S101  # an ensemble has a blend
    maker = input_maker(recipe, device)
    if maker.identity != run.manifest()["embedding"]:
        raise UserError(
            f"run {run.name} was trained with other {'weights' if recipe.uses_backbone else 'code or settings'}\n"
            "bring the former ones back, or train again"
        )
    models = run.models()
    deviations = SampledLists.of(run.out_of_fold()).deviations()
    scales = deviations if len(models) == len(deviations) else [deviations.mean()]
    reader = workspace.reader(workspace.competition(), passes=len(models) if recipe.pixels else 1)
    inputs, given = maker.make(reader, lists.paths, workspace.store(), reporter)
    accelerator = make_accelerator(device, recipe.training.precision if recipe.training else "fp32")
    total = np.zeros(lists.rows.shape)
    with reporter.track(f"scoring with {run.name}") as progress:
        for number, (path, scale) in enumerate(zip(models, scales, strict=True)):
            total += _scores(load_model(recipe, given, path), inputs, lists, accelerator) / scale
            progress(number + 1, len(models), "")
    return Scored(total / len(models), len(models))


def _blended(
    run: Run, blend: Blend, lists: Lists, workspace: Workspace, device: torch.device, reporter: Reporter
) -> Scored:
    total, models = np.zeros(lists.rows.shape), 0
    for member in blend.members:
        if member.weight == 0:  # one that helped in some folds alone
            continue
        scored = score_lists(run.member(member.run), lists, workspace, device, reporter)
        total += member.weight * features(blend.kind, scored.scores)
        models += scored.models
    return Scored(total, models)


def _scores(model: Model, inputs: Inputs, lists: Lists, accelerator: Accelerator) -> np.ndarray:
    """Return one model's `(n, m)` float64 scores; the queries are the first of the images."""
    images, count = np.arange(len(lists.paths)), len(lists.rows)
    model.to(accelerator.device)
    embeddings = embed_images(model, inputs.reduced(model, images), images, accelerator).cpu().numpy()
    return list_similarities(embeddings[:count], embeddings[count:], lists.rows, scorer_of(model)).astype(np.float64)
