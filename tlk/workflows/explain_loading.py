"""What a model that is to be explained is built for."""

from collections.abc import Callable, Sequence

from tlk.embeddings.schema import EmbeddingParameters
from tlk.models.base import Given, Model

Loader = Callable[[Given], Model]  # from what a model is given to the model


def given_for(parameters: EmbeddingParameters, sizes: Sequence[int], places: tuple[int, ...]) -> Given:
    """Return what a head on views of such widths is built for."""
    stage = next((view.at for view in parameters.views if view.maps), None)
    return Given(tuple(sizes), parameters.backbone, stage, places=places)
