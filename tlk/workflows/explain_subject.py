"""What is explained: one model of a run, or a frozen embedding where there is no run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from tlk.constants import PICKS
from tlk.data.source import data_name
from tlk.embeddings.backbone import BackboneEmbedder
from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.errors import UserError
from tlk.models.base import Given, Model, Verdict
from tlk.models.centred import Centred
from tlk.models.registry import CentredParameters
from tlk.recipe_schema import Recipe
from tlk.training.models import load_model
from tlk.workflows.explain_backbone import BackboneSight
from tlk.workflows.explain_loading import Loader
from tlk.workflows.explain_occlusion import Cells, OcclusionSight
from tlk.workflows.explain_pixels import PixelSight
from tlk.workflows.explain_sight import Sight
from tlk.workflows.frozen import build_frozen
from tlk.workflows.inputs import build_embedder, choose_device, input_maker
from tlk.workflows.pair_images import find_unseen
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run, best_run, complete_runs, find_run
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class Subject:
    """A model at work, what it is called, and what its similarity is; `trimmed`: it never sees bars and margins."""

    name: str
    sight: Sight
    measure: str
    trimmed: bool = False


def subject_of(
    workspace: Workspace,
    run: str | None,
    backbone: str | None,
    device: str,
    reporter: Reporter,
    paths: Sequence[str] = (),
) -> Subject:
    """Return the run or the backbone that is named, else the best run, else the default backbone, else descriptors.

    Of a run it is the model that has seen neither image of `paths`, where there is one.

    Raises:
        UserError: both are named, there is no such run, or its model or a backbone cannot be had.
    """
    if run is not None and backbone is not None:
        raise UserError("--run explains a run's model, --backbone a frozen network\ngive one of the two")
    place = choose_device(device)
    if run is not None:
        return _of_run(find_run(workspace.runs, run), workspace, place, reporter, paths)
    if backbone is None and complete_runs(workspace.runs):
        best = best_run(workspace.runs, data_name(workspace.data))
        reporter.note(f"explaining run {best.name}, the best by out-of-fold top-{PICKS}")
        return _of_run(best, workspace, place, reporter, paths)
    return _frozen(backbone, workspace, place, reporter)


def _of_run(run: Run, workspace: Workspace, device: torch.device, reporter: Reporter, paths: Sequence[str]) -> Subject:
    """Return one model of a run; of an ensemble one of the member with the largest weight."""
    name, blend = f"run {run.name}", run.blend()
    while blend is not None:
        heaviest = max(blend.members, key=lambda member: member.weight)
        run = run.member(heaviest.run)
        name += f", its heaviest member {heaviest.run}"
        blend = run.blend()
    recipe, models = run.recipe(), run.models()
    assert isinstance(recipe, Recipe)  # noqa: S101  # an ensemble has a blend
    model, which = _model(run, models, workspace, paths)
    name += which
    if input_maker(recipe, device, workspace.exports).identity != run.manifest()["embedding"]:
        what = "weights" if recipe.uses_backbone else "code or settings"
        raise UserError(f"run {run.name} was trained with other {what}\nbring the former ones back, or train again")
    loaded: list[Model] = []

    def load(given: Given) -> Model:
        run.require_whole(model)
        loaded.append(load_model(recipe, given, model))
        return loaded[0]

    sight = _sight(recipe, load, workspace, device, reporter)
    measure = "logit of a match" if isinstance(loaded[0], Verdict) else "cosine"
    return Subject(name, sight, measure, recipe.embedding is not None and recipe.embedding.trimmed)


def _model(run: Run, models: Sequence[Path], workspace: Workspace, paths: Sequence[str]) -> tuple[Path, str]:
    """Return the model that has seen neither image, where there is one, else the first, and what it is called."""
    if models[0].parent.name == "refit":
        return models[0], ", the model of all pairs"
    unseen = find_unseen(run, paths, workspace) if len(paths) == 2 else None
    place = 0 if unseen is None or len(models) == 1 else unseen.place
    which = f", the model of fold {place + 1} of {len(models)}" if len(models) > 1 else ""
    return models[place], which + ("" if unseen is None else ", which saw neither")


def _sight(recipe: Recipe, load: Loader, workspace: Workspace, device: torch.device, reporter: Reporter) -> Sight:
    if recipe.pixels is not None:
        return PixelSight(recipe.pixels, load, device)
    assert recipe.embedding is not None  # noqa: S101  # the recipe has checked it
    return _embedded(recipe.embedding, load, workspace, device, reporter)


def _frozen(backbone: str | None, workspace: Workspace, device: torch.device, reporter: Reporter) -> Subject:
    def build(parameters: EmbeddingParameters) -> Sight:
        return _embedded(parameters, _plain, workspace, device, reporter)

    title, sight = build_frozen(backbone, build, reporter)
    if backbone is None:
        reporter.note(f"there is no run in {workspace.runs}: explaining {title}")
    return Subject(title, sight, "cosine")


def _plain(given: Given) -> Model:
    """Return what weighs every view alike and has learned nothing."""
    return Centred(CentredParameters(), given)


def _embedded(
    parameters: EmbeddingParameters, load: Loader, workspace: Workspace, device: torch.device, reporter: Reporter
) -> Sight:
    """Return the sight of a head on embeddings, differentiable where no descriptor is among them.

    Trimming is left to who shows the pictures: what is explained has to be what is seen.
    """
    whole = parameters.model_copy(update={"trimmed": False})
    embedder = build_embedder(whole, device, workspace.exports)
    if isinstance(embedder, BackboneEmbedder):
        return BackboneSight(embedder, whole, load, device)
    return OcclusionSight(embedder, whole, load, device, reporter, _backbone_cells(whole, workspace, device))


def _backbone_cells(parameters: EmbeddingParameters, workspace: Workspace, device: torch.device) -> Cells | None:
    """Return what gives the last feature map of the backbone that stands beside descriptors, if there is one."""
    if parameters.backbone is None:
        return None
    alone = EmbeddingParameters(backbone=parameters.backbone, views=(ViewOfBackbone(at="final"),), mirrored=False)
    embedder = build_embedder(alone, device, workspace.exports)
    assert isinstance(embedder, BackboneEmbedder)  # noqa: S101  # views alone
    return BackboneSight(embedder, alone, _plain, device).cells
