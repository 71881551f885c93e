"""Fill the embedding store ahead of time."""

import time
from dataclasses import dataclass

from tlk.constants import DEFAULT_RECIPE
from tlk.data.competition import Competition
from tlk.embeddings.embed import fill
from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.errors import UserError
from tlk.recipe import load_recipe
from tlk.workflows.inputs import build_embedder, choose_device
from tlk.workflows.progress import Reporter
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class Filled:
    """What was embedded: images in all, computed now, views of each, seconds for computing."""

    images: int
    computed: int
    views: int
    seconds: float


def fill_store(
    workspace: Workspace, recipe: str | None, backbone: str | None, device: str, reporter: Reporter
) -> Filled:
    """Embed every image of the data with a recipe's views, or with one view of a backbone: its own embedding."""
    parameters = _parameters(recipe, backbone)
    competition = workspace.competition()
    paths = image_paths(competition)
    if not paths:
        raise UserError(
            f"{workspace.data} has no images in train/ or test/\npoint --data at a competition's folder or zip"
        )
    embedder = build_embedder(parameters, choose_device(device))
    reader = workspace.reader(competition, passes=1)
    started = time.perf_counter()
    with reporter.track("embedding") as progress:
        computed = fill(embedder, reader, paths, workspace.store(), progress)
    return Filled(len(paths), computed, len(embedder.views), time.perf_counter() - started)


def image_paths(competition: Competition) -> list[str]:
    """Return the paths of all images of whatever halves are there."""
    folders = (f"{half}/{side}" for half in ("train", "test") for side in ("left", "right"))
    return [path for folder in folders for path in competition.images(folder).values()]


def _parameters(recipe: str | None, backbone: str | None) -> EmbeddingParameters:
    if recipe is not None:
        embedding = load_recipe(recipe, backbone=backbone).embedding
        if embedding is None:
            raise UserError(f"--recipe {recipe}: it learns from pixels, so there is nothing to embed\ntake another")
        return embedding
    default = load_recipe(DEFAULT_RECIPE).embedding
    name = backbone or (default.backbone if default else None)
    return EmbeddingParameters(backbone=name, views=(ViewOfBackbone(at="final"),), mirrored=False)
