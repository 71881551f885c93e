"""What a recipe can say: typed, unknown keys rejected."""

from typing import Any, Literal

from pydantic import Field, model_validator

from tlk.data.augment import Augmentation
from tlk.embeddings.schema import EmbeddingParameters
from tlk.models.registry import has_backbone
from tlk.registry import Parameters

Blending = Literal["log_odds", "z_score", "rank"]
Weighting = Literal["fitted", "equal"]
RUN_NAME = r"^[A-Za-z0-9][\w.-]{0,79}$"  # letters, digits, dots, dashes and underscores, never a path


class PixelParameters(Parameters):
    """What a model that sees pixels is shown."""

    size: int = Field(128, ge=8, le=1024)  # of both sides: the whole picture is squashed to it
    colour: Literal["rgb", "grey"] = "rgb"
    mirrored: bool = False  # embeddings are the mean over a picture and its mirror
    augment: tuple[Augmentation, ...] = ()


class TrainingParameters(Parameters):
    """The loop: epochs, batches, optimiser, schedule, and the early stopping on an inner split."""

    epochs: int = Field(30, ge=1, le=100_000)
    batch_size: int = Field(256, ge=2, le=1_000_000)  # pairs a step of the optimiser
    accumulate: int = Field(1, ge=1, le=1_000_000)  # parts that a batch is computed in
    fresh_negatives: bool = True  # drawn anew in every epoch; else once, before the first
    learning_rate: float = Field(1e-3, gt=0, le=1e6)
    weight_decay: float = Field(0.0, ge=0, le=1e6)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = Field(0.0, ge=0, lt=1)  # share of the steps in which the learning rate rises
    clip: float | None = Field(None, gt=0)  # largest norm of the gradient
    precision: Literal["fp32", "mixed"] = "fp32"
    compile: bool = False  # by torch.compile: slow first steps, faster later ones; needs a C++ compiler
    watch: Literal["top_2", "loss", "accuracy"] = "top_2"  # of the inner split: what stops, and chooses the epoch
    patience: int = Field(5, ge=1, le=100_000)
    inner_fraction: float = Field(0.15, ge=0, lt=1)  # of the training folds; 0: the last epoch is kept, unseen


class Pretraining(Parameters):
    """A stage before: another loss, on the training pairs, or on single images without any labels."""

    on: Literal["pairs", "images"]
    loss: dict[str, Any]
    training: TrainingParameters


class Described(Parameters):
    """What every recipe says of itself."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    summary: str
    source: str
    reported: str | None = None  # what the source reported for it
    scored: str | None = None  # what the recipe as it stands reached, and on what; a run does not inherit it
    matching: bool = False  # whether `predict` assigns the right images of all lists to one query each: transductive
    known_pairs: bool = False  # whether `predict` answers a query that repeats a training pair with that pair's match


class Member(Parameters):
    """A recipe that an ensemble trains, as it is or with settings laid over it."""

    recipe: str
    name: str | None = Field(None, pattern=RUN_NAME)  # of its run; none: the recipe's
    settings: tuple[str, ...] = ()  # key=value, as --set takes them

    @property
    def run(self) -> str:
        """The name of the member's run."""
        return self.name or self.recipe


class EnsembleRecipe(Described):
    """Several recipes, trained one after another, whose scores are blended."""

    members: tuple[Member, ...] = Field(min_length=2)
    backbone: str | None = Field(None, min_length=1)  # of every member that uses one
    blend: Blending = "log_odds"
    weights: Weighting = "fitted"

    @model_validator(mode="after")
    def _names_differ(self) -> "EnsembleRecipe":
        names = [member.run for member in self.members]
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise ValueError(f"members: {twice[0]} stands there twice: give each a name of its own")
        return self

    @property
    def uses_backbone(self) -> bool:
        """Whether pretrained weights have a part in it."""
        return self.backbone is not None


class Recipe(Described):
    """What `tlk train` runs. Without `loss` and `training` nothing is learned."""

    seed: int = Field(0, ge=0, lt=2**32)
    split: str = "folds"  # or shares: train/validation/test
    embedding: EmbeddingParameters | None = None
    pixels: PixelParameters | None = None
    model: dict[str, Any]
    loss: dict[str, Any] | None = None
    mining: dict[str, Any] | None = None
    training: TrainingParameters | None = None
    pretraining: Pretraining | None = None
    pseudo_pairs: bool = False  # trained again with pairs of the test half's images that find each other: transductive

    @model_validator(mode="after")
    def _parts_fit(self) -> "Recipe":
        if (self.loss is None) != (self.training is None):
            raise ValueError("loss and training go together: give both or neither")
        if self.loss is None and (self.mining or self.pretraining):
            raise ValueError("mining and pretraining need loss and training")
        if self.loss is None and self.pseudo_pairs:
            raise ValueError("pseudo_pairs: nothing is learned without loss and training")
        if (self.embedding is None) == (self.pixels is None):
            raise ValueError("give either embedding or pixels")
        if self.split != "folds" and not _are_shares(self.split):
            raise ValueError(
                f'split {self.split!r}: "folds", or whole percentages for training, validation, test: "60/20/20"'
            )
        return self

    @property
    def shares(self) -> tuple[int, ...]:
        """Training, validation and test in percent, of a split by shares."""
        return tuple(map(int, self.split.split("/")))

    @property
    def uses_backbone(self) -> bool:
        """Whether pretrained weights have a part in it."""
        return has_backbone(self.model) or (self.embedding is not None and self.embedding.backbone is not None)

    @property
    def uses_unlabelled(self) -> bool:
        """Whether it learns from the test half's images, which have no labels."""
        return self.pseudo_pairs or (self.pretraining is not None and self.pretraining.on == "images")

    @property
    def inner_fraction(self) -> float:
        """Share of what is not scored that validates: early stopping and the choice of an epoch look at it alone."""
        if self.split != "folds":
            train, validation, _ = self.shares
            return validation / (train + validation)
        return self.training.inner_fraction if self.training else 0.0


def _are_shares(split: str) -> bool:
    parts = split.split("/")
    numbers = [int(part) for part in parts if part.isascii() and part.isdecimal()]
    return len(parts) == len(numbers) == 3 and sum(numbers) == 100 and 0 not in numbers


AnyRecipe = Recipe | EnsembleRecipe


def backbone_of(recipe: AnyRecipe) -> str | None:
    """Return the name of the backbone that a recipe's embeddings, or an ensemble's members, come from."""
    if isinstance(recipe, EnsembleRecipe):
        return recipe.backbone
    return recipe.embedding.backbone if recipe.embedding is not None else None
