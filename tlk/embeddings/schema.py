"""What a recipe may say about embeddings: torch-free, so that recipes and `--help` know every option."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator, model_validator

from tlk.registry import Parameters

# How far up a backbone a name points, whatever the backbone: 1 is the last stage (or block) before the pooling.
# Of four stages these are stages 1, 2, 3, 3 and 4; of seven 2, 4, 5, 6 and 7; of twelve blocks 3, 6, 8, 9 and 12.
DEPTHS = {"early": 0.25, "middle": 0.5, "upper": 0.65, "late": 0.75, "last": 1.0}

Stage = Literal["early", "middle", "upper", "late", "last", "final"]
Descriptor = Literal[
    "gradients-12",
    "gradients-8",
    "gradients-5",
    "gradients-4",
    "thumbnail",
    "thumbnail-6",
    "grey-layout",
    "edge-layout",
    "profiles",
    "texture",
    "histogram",
    "histogram-2",
]


class ViewOfBackbone(Parameters):
    """One activation, pooled: `final` is the network's own embedding, a number is a depth between 0 and 1."""

    at: Stage | Annotated[float, Field(gt=0, le=1)]
    cells: int = Field(1, ge=1, le=16)

    @field_validator("at", mode="wrap")
    @classmethod
    def _stage_or_depth(cls, value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(value)
        except ValidationError as error:  # pydantic would report each branch of the union by itself
            stages = ", ".join(get_args(Stage))
            raise ValueError(f"should be {stages}, or a depth above 0 and at most 1") from error

    @model_validator(mode="after")
    def _final_has_no_cells(self) -> "ViewOfBackbone":
        if self.at == "final" and self.cells != 1:
            raise ValueError("the final embedding is pooled already: leave cells at 1")
        return self


class EmbeddingParameters(Parameters):
    """What images become before any head: views of a backbone, or descriptors, which need no weights."""

    backbone: str | None = Field(None, min_length=1)
    views: tuple[ViewOfBackbone, ...] = ()
    descriptors: tuple[Descriptor, ...] = ()
    mirrored: bool = True

    @model_validator(mode="after")
    def _one_kind(self) -> "EmbeddingParameters":
        if bool(self.views) == bool(self.descriptors):
            raise ValueError("give either views of a backbone or descriptors")
        if bool(self.views) != (self.backbone is not None):
            raise ValueError("views need a backbone, descriptors have none")
        return self
