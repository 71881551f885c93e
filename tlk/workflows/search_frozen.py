"""What compares the images of a search where there is no run: a frozen backbone, or descriptors without any weights."""

import numpy as np

from tlk.embeddings.embed import embed
from tlk.embeddings.schema import EmbeddingParameters
from tlk.embeddings.views import Embedder, unit
from tlk.scoring.neighbours import nearest_rows
from tlk.workflows.frozen import build_frozen
from tlk.workflows.inputs import announcement, build_embedder, choose_device
from tlk.workflows.progress import Reporter
from tlk.workflows.search_spaces import Images
from tlk.workflows.workspace import Workspace


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

    def build(parameters: EmbeddingParameters) -> Embedder:
        return build_embedder(parameters, place, workspace.exports)

    name, embedder = build_frozen(backbone, build, reporter)
    return FrozenSpace(name, embedder, workspace, reporter)
