"""What stands in where there is no run: a frozen backbone, or descriptors, which need no weights."""

from collections.abc import Callable
from typing import TypeVar

from tlk.constants import DEFAULT_RECIPE
from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.errors import UserError
from tlk.recipe import load_recipe
from tlk.recipe_schema import backbone_of
from tlk.workflows.progress import Reporter

T = TypeVar("T")

# Of the recipe `descriptors` those of shape and of colour: narrow enough for a large gallery in memory.
_DESCRIPTORS = EmbeddingParameters(descriptors=("gradients-8", "histogram"), mirrored=False)


def build_frozen(backbone: str | None, build: Callable[[EmbeddingParameters], T], reporter: Reporter) -> tuple[str, T]:
    """Return in words what is embedded with, and what `build` makes of it: a backbone's own embedding, unmirrored.

    Where none is named and the default one cannot be had, descriptors of shape and colour.

    Raises:
        UserError: the backbone that was named cannot be had.
    """
    name = backbone or backbone_of(load_recipe(DEFAULT_RECIPE))
    parameters = EmbeddingParameters(backbone=name, views=(ViewOfBackbone(at="final"),), mirrored=False)
    try:
        return f"backbone {name}", build(parameters)
    except UserError as error:
        if backbone is not None:
            raise
        reporter.note(f"{str(error).splitlines()[0]}: taking descriptors, which need no weights")
    return "descriptors of shape and colour", build(_DESCRIPTORS)
