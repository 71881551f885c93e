"""A run's models at work: embedding images, and comparing them where a model has learned how."""

from collections.abc import Iterator, Sequence

import numpy as np
from accelerate import Accelerator

from tlk.data.reader import ImageReader
from tlk.embeddings.views import View
from tlk.errors import UserError
from tlk.models.base import Model
from tlk.recipe_schema import Recipe
from tlk.scoring.similarity import Scorer
from tlk.training.accelerator import make_accelerator
from tlk.training.embed import embed_images
from tlk.training.finite import require_finite_embeddings
from tlk.training.inputs import Inputs
from tlk.training.models import load_model
from tlk.training.scorer import scorer_of
from tlk.workflows.inputs import choose_device, input_maker
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.workspace import Workspace


def embed_with_models(
    run: Run,
    views: Sequence[View],
    reader: ImageReader,
    paths: list[str],
    workspace: Workspace,
    device: str,
    reporter: Reporter,
) -> None:
    """Store what each of the run's models makes of the images at `paths`, under its view.

    Raises:
        UserError: a backbone or a model is not what the run was trained with, or its embeddings are not finite.
    """
    store, keys = workspace.store(), reader.keys(paths)
    for view, (embeddings, _) in zip(views, _at_work(run, reader, paths, workspace, device, reporter), strict=True):
        store.require_room(embeddings.size * 2)
        store.append(view, keys, embeddings)


def embeddings_and_scorers(
    run: Run, reader: ImageReader, paths: list[str], workspace: Workspace, device: str, reporter: Reporter
) -> Iterator[tuple[np.ndarray, Scorer]]:
    """Yield for each of the run's models the `(n, e)` embeddings of the images and how it compares them.

    Raises:
        UserError: a backbone or a model is not what the run was trained with, or its embeddings are not finite.
    """
    for embeddings, model in _at_work(run, reader, paths, workspace, device, reporter):
        yield embeddings, scorer_of(model)


def _at_work(
    run: Run, reader: ImageReader, paths: list[str], workspace: Workspace, device: str, reporter: Reporter
) -> Iterator[tuple[np.ndarray, Model]]:
    recipe, place = run.recipe(), choose_device(device)
    assert isinstance(recipe, Recipe)  # noqa: S101  # an ensemble has no models of its own
    maker = input_maker(recipe, place, workspace.exports)
    if maker.identity != run.manifest()["embedding"]:
        raise UserError(
            f"run {run.name} was trained with other {'weights' if recipe.uses_backbone else 'code or settings'}\n"
            "bring the former ones back, or train again"
        )
    inputs, given = maker.make(reader, paths, workspace.store(), reporter)
    accelerator = make_accelerator(place, recipe.training.precision if recipe.training else "fp32")
    models = run.models()
    with reporter.track(f"scoring with {run.name}") as progress:
        for number, path in enumerate(models):
            run.require_whole(path)
            model = load_model(recipe, given, path)
            embeddings = _embeddings(model, inputs, len(paths), accelerator)
            require_finite_embeddings(embeddings, f"run {run.name}")
            yield embeddings, model
            progress(number + 1, len(models), "")


def _embeddings(model: Model, inputs: Inputs, count: int, accelerator: Accelerator) -> np.ndarray:
    images = np.arange(count)
    model.to(accelerator.device)
    return np.asarray(embed_images(model, inputs.reduced(model, images), images, accelerator).cpu())
