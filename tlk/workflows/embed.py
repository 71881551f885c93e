"""Fill the embedding store ahead of time."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tlk.constants import DEFAULT_RECIPE
from tlk.data.gallery import open_gallery
from tlk.data.reader import ImageReader
from tlk.embeddings.embed import embed, fill
from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import Embedder, View
from tlk.errors import UserError
from tlk.files import replacing, write_text
from tlk.processes import rank, world_size
from tlk.recipe import load_members, load_recipe
from tlk.recipe_schema import EnsembleRecipe, Recipe, backbone_of
from tlk.tables import format_table
from tlk.workflows.inputs import announcement, build_embedder, choose_device
from tlk.workflows.outputs import require_output_folder
from tlk.workflows.progress import Reporter, Silent
from tlk.workflows.skip_bad import say_skipped, unreadable
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class Filled:
    """What was embedded: images in all, computed now by this process, views of each, seconds for computing."""

    images: int
    computed: int
    views: int
    seconds: float
    exported: tuple[Path, ...]  # files


def fill_store(
    workspace: Workspace,
    recipe: str | None,
    backbone: str | None,
    device: str,
    reporter: Reporter,
    export: Path | None = None,
    skip_bad: bool = False,
) -> Filled:
    """Embed every image of the data with a recipe's views, or with one view of a backbone: its own embedding.

    With `skip_bad`, those that cannot be read are named and left out.

    Of several processes each computes its share. With `export`, the vectors are also written into that folder, one
    .npy a view, beside `ids.csv` with an image a row.

    Raises:
        UserError: there are no images, the backbone cannot be had, or several processes are to export.
    """
    if export is not None and world_size() > 1:
        raise UserError("--export: several processes do not wait for each other\nexport afterwards, with one")
    if export is not None:
        require_output_folder(export, workspace, "--export")
    parameters = _parameters(recipe, backbone)
    paths = open_gallery(workspace.data).paths
    return _fill(parameters, paths, workspace, choose_device(device), reporter, export, skip_bad)


def embed_images(
    workspace: Workspace, recipe: str | None, backbone: str | None, device: str, reporter: Reporter
) -> tuple[list[str], list[np.ndarray]]:
    """Return the paths of the data's images, and `(n, d)` float16 vectors of each view, computing what is not stored.

    Raises:
        UserError: there are no images, or the backbone cannot be had.
    """
    paths = list(open_gallery(workspace.data).paths)
    reader, store, found = workspace.reader(workspace.competition(), passes=1), workspace.store(), []
    for joined in _joined(_parameters(recipe, backbone)):
        embedder = build_embedder(joined, choose_device(device), workspace.exports)
        with reporter.track("embedding") as progress:
            found += embed(embedder, reader, paths, store, progress, announcement(store, reporter))
    return paths, found


def fill_views(
    recipes: Sequence[Recipe], paths: Sequence[str], workspace: Workspace, device: torch.device, reporter: Reporter
) -> None:
    """Embed the images at `paths` for all recipes that look at embeddings: one pass for those of the same backbone."""
    _fill([recipe.embedding for recipe in recipes if recipe.embedding is not None], paths, workspace, device, reporter)


def _fill(
    parameters: Sequence[EmbeddingParameters],
    paths: Sequence[str],
    workspace: Workspace,
    device: torch.device,
    reporter: Reporter,
    export: Path | None = None,
    skip_bad: bool = False,
) -> Filled:
    """Fill the store with the views of all `parameters`, each backbone in one pass."""
    reporter = reporter if rank() == 0 else Silent()
    reader, store = workspace.reader(workspace.competition(), passes=1), workspace.store()
    embedders = [build_embedder(joined, device, workspace.exports) for joined in _joined(parameters)]
    if skip_bad:
        paths = _without_damage(paths, reader, store, [view for one in embedders for view in one.views], reporter)
    started, computed, announce = time.perf_counter(), 0, announcement(store, reporter)
    for embedder in embedders:
        with reporter.track("embedding") as progress:
            share = (rank(), world_size())
            computed = max(computed, fill(embedder, reader, paths, store, progress, announce, share))
    seconds = time.perf_counter() - started
    views = sum(len(embedder.views) for embedder in embedders)
    exported = [file for embedder in embedders if export for file in _export(embedder, reader, paths, store, export)]
    return Filled(len(paths), computed, views, seconds, tuple(dict.fromkeys(exported)))


def _without_damage(
    paths: Sequence[str], reader: ImageReader, store: VectorStore, views: Sequence[View], reporter: Reporter
) -> list[str]:
    """Return the paths less those of the images that cannot be read, which are named."""
    bad = unreadable(paths, reader, lambda keys: store.lacking(views, keys), reporter)
    if len(bad) == len(paths):
        raise UserError(f"none of the {len(paths):,} images can be read\nget them again: {next(iter(bad.values()))}")
    say_skipped(bad, len(paths), reporter)
    return [path for path in paths if path not in bad]


def _export(
    embedder: Embedder, reader: ImageReader, paths: Sequence[str], store: VectorStore, folder: Path
) -> list[Path]:
    """Write the vectors of each view, `(n, d)` float16, and the images that their rows are of."""
    files = []
    for view, vectors in zip(embedder.views, embed(embedder, reader, paths, store), strict=True):
        files.append(folder / f"{store.folder_of(view).name}.npy")
        with replacing(files[-1]) as file:
            np.save(file, vectors, allow_pickle=False)
    names = [Path(os.fsencode(path).decode(errors="replace")) for path in paths]  # some are no text, of old zips
    rows = [[str(row), str(name.parent), name.stem] for row, name in enumerate(names)]
    write_text(folder / "ids.csv", format_table(("row", "folder", "id"), rows))
    return [*files, folder / "ids.csv"]


def _joined(parameters: Sequence[EmbeddingParameters]) -> list[EmbeddingParameters]:
    """Return what all `parameters` name, in one for all that differ in their views and descriptors alone."""
    bare = [one.model_copy(update={"views": (), "descriptors": ()}) for one in parameters]
    found = []
    for kind in dict.fromkeys(bare):
        own = [one for one, its_kind in zip(parameters, bare, strict=True) if its_kind == kind]
        views = tuple(dict.fromkeys(view for one in own for view in one.views))
        descriptors = tuple(dict.fromkeys(name for one in own for name in one.descriptors))
        # Maps may stand beside other views here: nothing is trained on this.
        found.append(kind.model_copy(update={"views": views, "descriptors": descriptors}))
    return found


def _parameters(name: str | None, backbone: str | None) -> list[EmbeddingParameters]:
    if name is None:
        default = backbone_of(load_recipe(DEFAULT_RECIPE))
        view = ViewOfBackbone(at="final")
        return [EmbeddingParameters(backbone=backbone or default, views=(view,), mirrored=False)]
    recipe = load_recipe(name, backbone=backbone)
    recipes = load_members(recipe) if isinstance(recipe, EnsembleRecipe) else [recipe]
    found = [one.embedding for one in recipes if one.embedding is not None]
    if not found:
        raise UserError(f"--recipe {name}: it learns from pixels, so there is nothing to embed\ntake another")
    return found
