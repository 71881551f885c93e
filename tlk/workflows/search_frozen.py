"""What compares the images of a search where there is no run: a frozen backbone, or descriptors without any weights."""

import numpy as np

from tlk.constants import DEFAULT_RECIPE
from tlk.embeddings.embed import embed
from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.embeddings.views import Embedder, unit
from tlk.errors import UserError
from tlk.recipe import load_recipe
from tlk.recipe_schema import backbone_of
from tlk.scoring.neighbours import nearest_rows
from tlk.workflows.inputs import announcement, build_embedder, choose_device
from tlk.workflows.progress import Reporter
from tlk.workflows.search_spaces import Images
from tlk.workflows.workspace import Workspace

# Of the recipe `descriptors` those of shape and of colour: narrow enough for a large gallery in memory.
_DESCRIPTORS = EmbeddingParameters(descriptors=("gradients-8", "histogram"), mirrored=False)


class FrozenSpace:
    """Views of an embedder, each at length 1: the similarity is the mean of their cosines."""

    def __init__(self, name: str, embedder: Embedder, workspace: Workspace, reporter: Reporter) -> None:
        self.name = name
        self._embedder, self._store, self._reporter = embedder, workspace.store(), reporter

    def lacking(self, keys: np.ndarray) -> np.ndarray:
        """Return the positions of the content keys whose images would have to be decoded."""
        return self._store.lacking(self._embedder.views, keys)

    def nearest(self, images: Images, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the `(n, k)` gallery images most alike to each query, most alike first, and their similarities.

        Raises:
            UserError: an image cannot be read.
        """
        announce = announcement(self._store, self._reporter)
        with self._reporter.track("embedding") as progress:
            views = embed(self._embedder, images.reader, images.paths, self._store, progress, announce)
        ends = np.cumsum([0, *(view.shape[1] for view in views)])
        vectors = np.empty((len(images.paths), ends[-1]), np.float32)  # (n, d)
        for number, view in enumerate(views):
            vectors[:, ends[number] : ends[number + 1]] = unit(view.astype(np.float32)) / len(views) ** 0.5
        return nearest_rows(vectors[images.queries], vectors[: images.gallery], k)


def frozen_space(backbone: str | None, workspace: Workspace, device: str, reporter: Reporter) -> FrozenSpace:
    """Return the space of a backbone's own embedding; of descriptors where none is named and the default cannot be had.

    Raises:
        UserError: the backbone that was named cannot be had.
    """
    place = choose_device(device)
    name = backbone or backbone_of(load_recipe(DEFAULT_RECIPE))
    parameters = EmbeddingParameters(backbone=name, views=(ViewOfBackbone(at="final"),), mirrored=False)
    try:
        return FrozenSpace(
            f"backbone {name}", build_embedder(parameters, place, workspace.exports), workspace, reporter
        )
    except UserError as error:
        if backbone is not None:
            raise
        reporter.note(f"{str(error).splitlines()[0]}: taking descriptors, which need no weights")
        embedder = build_embedder(_DESCRIPTORS, place, workspace.exports)
        return FrozenSpace("descriptors of shape and colour", embedder, workspace, reporter)
