"""What a recipe may say about embeddings: torch-free, so that recipes and `--help` know every option."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator, model_validator

from tlk.backbones.depths import DEPTHS, StageName
from tlk.registry import Parameters

Stage = StageName | Literal["final"]
Descriptor = Literal[
    "gradients-12",
    "gradients-8",
    "gradients-5",
    "gradients-4",
    "thumbnail",
    "thumbnail-6",
    "grey-layout",
    "edge-layout",
    "silhouette",
    "profiles",
    "texture",
    "histogram",
    "histogram-2",
    "patches",
    "gradient-maps",
]


class ViewOfBackbone(Parameters):
    """One activation: `final` is the network's own embedding, a number is a depth between 0 and 1.

    It is pooled in cells, or with `maps` kept whole, for a model that goes on from there.
    """

    at: Stage | Annotated[float, Field(gt=0, le=1)]
    cells: int = Field(1, ge=1, le=16)
    pool: Literal["mean", "deviation"] = "mean"  # of each channel, over each cell
    inside: bool = False  # what goes into the stage's last layer, where many networks are widest, not what comes out
    maps: bool = False

    @field_validator("at", mode="wrap")
    @classmethod
    def _stage_or_depth(cls, value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError as error:  # pydantic would report each branch of the union by itself
            stages = ", ".join([*DEPTHS, "final"])
            raise ValueError(f"should be {stages}, or a depth above 0 and at most 1") from error

    @model_validator(mode="after")
    def _cells_or_maps(self) -> "ViewOfBackbone":
        pooled = self.cells != 1 or self.pool != "mean" or self.inside
        if self.at == "final" and (pooled or self.maps):
            raise ValueError("the final embedding is pooled already: leave cells, pool, inside and maps out")
        if self.maps and pooled:
            raise ValueError("maps are not pooled: leave cells, pool and inside out")
        return self


class EmbeddingParameters(Parameters):
    """What images become before any head: views of a backbone, and descriptors, which need no weights."""

    backbone: str | None = Field(None, min_length=1)
    views: tuple[ViewOfBackbone, ...] = ()
    descriptors: tuple[Descriptor, ...] = ()
    mirrored: bool = True
    size: int | None = Field(None, ge=32, le=1024)  # of both sides of what the backbone sees; none: its own
    trimmed: bool = False  # black bars and white margins are cut off first: the framing is then no cue

    @model_validator(mode="after")
    def _parts_fit(self) -> "EmbeddingParameters":
        if not self.views and not self.descriptors:
            raise ValueError("give views of a backbone, descriptors, or both")
        if bool(self.views) != (self.backbone is not None):
            raise ValueError("views need a backbone, and a backbone needs views")
        if len(self.views) + len(self.descriptors) > 1 and self.keeps_maps:
            what = "gradient-maps stands" if self.keeps_gradients else "a view that keeps its maps stands"
            raise ValueError(f"{what} alone: leave other views and descriptors out")
        if self.size is not None and (self.backbone is None or self.keeps_maps):
            raise ValueError("size is of what a backbone sees whose activations are pooled: leave it out")
        return self

    @property
    def keeps_maps(self) -> bool:
        """Whether the embedding is one activation, whole, or maps of gradients."""
        return self.keeps_gradients or any(view.maps for view in self.views)

    @property
    def keeps_gradients(self) -> bool:
        """Whether the embedding is maps of gradients."""
        return "gradient-maps" in self.descriptors
