"""Recipes: a run, completely. Typed, unknown keys rejected, all faults in one message."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from tlk.data.augment import Augmentation
from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.errors import UserError, summarise
from tlk.losses.registry import LOSSES
from tlk.miners.registry import MINERS
from tlk.models.registry import MODELS
from tlk.registry import Parameters, Registry


class PixelParameters(Parameters):
    """What a model that sees pixels is shown."""

    size: int = Field(128, ge=8, le=1024)  # of both sides: the whole picture is squashed to it
    colour: Literal["rgb", "grey"] = "rgb"
    mirrored: bool = False  # embeddings are the mean over a picture and its mirror
    augment: tuple[Augmentation, ...] = ()


class TrainingParameters(Parameters):
    """The loop: epochs, batches, optimiser, schedule, and the early stopping on an inner split."""

    epochs: int = Field(30, ge=1, le=100_000)
    batch_size: int = Field(256, ge=2)  # pairs a step of the optimiser
    accumulate: int = Field(1, ge=1)  # parts that a batch is computed in
    fresh_negatives: bool = True  # drawn anew in every epoch; else once, before the first
    learning_rate: float = Field(1e-3, gt=0, le=1e6)
    weight_decay: float = Field(0.0, ge=0, le=1e6)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = Field(0.0, ge=0, lt=1)  # share of the steps in which the learning rate rises
    clip: float | None = Field(None, gt=0)  # largest norm of the gradient
    precision: Literal["fp32", "mixed"] = "fp32"
    watch: Literal["top_2", "loss", "accuracy"] = "top_2"  # of the inner split: what stops, and chooses the epoch
    patience: int = Field(5, ge=1)
    inner_fraction: float = Field(0.15, gt=0, lt=1)  # of the training folds; a split by shares says it itself


class Pretraining(Parameters):
    """A stage before: another loss, on the training pairs, or on single images without any labels."""

    on: Literal["pairs", "images"]
    loss: dict[str, Any]
    training: TrainingParameters


class Recipe(Parameters):
    """What `tlk train` runs. Without `loss` and `training` nothing is learned."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=60)
    summary: str
    source: str
    reported: str | None = None  # what the source reported for it
    scored: str | None = None  # what the recipe as it stands reached, and on what; a run does not inherit it
    seed: int = Field(0, ge=0, lt=2**32)
    split: str = Field("folds", pattern=r"^(folds|\d\d?/\d\d?/\d\d?)$")  # or shares: train/validation/test
    embedding: EmbeddingParameters | None = None
    pixels: PixelParameters | None = None
    model: dict[str, Any]
    loss: dict[str, Any] | None = None
    mining: dict[str, Any] | None = None
    training: TrainingParameters | None = None
    pretraining: Pretraining | None = None

    @model_validator(mode="after")
    def _parts_fit(self) -> "Recipe":
        if (self.loss is None) != (self.training is None):
            raise ValueError("loss and training go together: give both or neither")
        if self.loss is None and (self.mining or self.pretraining):
            raise ValueError("mining and pretraining need loss and training")
        if (self.embedding is None) == (self.pixels is None):
            raise ValueError("give either embedding or pixels")
        if self.split != "folds" and (sum(self.shares) != 100 or 0 in self.shares):
            raise ValueError("split: train, validation and test are whole percentages that add up to 100")
        return self

    @property
    def shares(self) -> tuple[int, ...]:
        """Training, validation and test in percent, of a split by shares."""
        return tuple(map(int, self.split.split("/")))

    @property
    def uses_backbone(self) -> bool:
        """Whether pretrained weights have a part in it."""
        return _has_backbone(self.model) or (self.embedding is not None and self.embedding.backbone is not None)

    @property
    def inner_fraction(self) -> float:
        """Share of what is not scored that validates: early stopping and the choice of an epoch look at it alone."""
        if self.split != "folds":
            train, validation, _ = self.shares
            return validation / (train + validation)
        return self.training.inner_fraction if self.training else 0.0


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


def load_recipe(name: str, settings: Sequence[str] = (), backbone: str | None = None) -> Recipe:
    """Read a recipe by name, or from a file if `name` ends in .toml, with `key=value` settings laid over it.

    Raises:
        UserError: there is no such recipe, it is not TOML, or its keys and values have faults: all are named.
    """
    document = read_document(name)
    for setting in settings:
        _apply(document, setting)
    if backbone is not None:
        _use_backbone(document, name, backbone)
    return parse_recipe(document, f"recipe {name}")


def recipe_text(name: str) -> str:
    """Return the TOML text of a recipe.

    Raises:
        UserError: there is no such recipe.
    """
    if name.endswith(".toml"):
        try:
            return Path(name).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise UserError(f"recipe {name} cannot be read: {error}") from error
    if name not in recipe_names():
        close = difflib.get_close_matches(name, recipe_names(), n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(recipe_names())}"
        raise UserError(f"unknown recipe {name!r}\n{hint}")
    return str((_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def read_document(name: str) -> dict[str, Any]:
    """Return a recipe's TOML as a dictionary, not yet checked.

    Raises:
        UserError: there is no such recipe, or it is not TOML.
    """
    try:
        return tomllib.loads(recipe_text(name))
    except (ValueError, RecursionError) as error:  # not all that tomllib raises is its own
        raise UserError(f"recipe {name} is not TOML: {error}") from error


def parse_recipe(document: Mapping[str, Any], origin: str) -> Recipe:
    """Check a recipe, its model and its loss, and return it; `origin` is for messages.

    Raises:
        UserError: all faults, in one message.
    """
    try:
        document = _tuples(dict(document))
    except RecursionError as error:
        raise UserError(f"{origin}: its tables are nested too deep to be a recipe") from error
    faults = _faults(Recipe, document, "")
    stage = document.get("pretraining")
    tables: list[tuple[str, Any, Registry]] = [
        ("model", document.get("model"), MODELS),
        ("loss", document.get("loss"), LOSSES),
        ("mining", document.get("mining"), MINERS),
        ("pretraining.loss", stage.get("loss") if isinstance(stage, dict) else None, LOSSES),
    ]
    for where, table, registry in tables:
        if isinstance(table, dict):
            faults += _registry_faults(table, where, registry)
    faults = faults or _misfits(Recipe.model_validate(document))
    if faults:
        raise UserError(f"{origin}: {summarise(faults, shown=12)}\nsee its keys: tlk recipes NAME")
    return Recipe.model_validate(document)


def parameters_of(table: Mapping[str, Any], registry: Registry) -> Any:
    """Return the class named by a checked `model` or `loss` table, and its parameters."""
    entry = registry[table["name"]]
    return entry.load(), entry.parameters.model_validate({k: v for k, v in table.items() if k != "name"})


def _folder() -> Any:
    return resources.files("tlk") / "recipes"


def _tuples(value: Any) -> Any:
    """Turn lists into tuples: a recipe does not change."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _faults(schema: type[Parameters], document: Mapping[str, Any], prefix: str) -> list[str]:
    try:
        schema.model_validate(document)
    except ValidationError as error:
        return [_describe(fault, schema, prefix) for fault in error.errors()]
    return []


def _describe(fault: Any, schema: type[Parameters], prefix: str) -> str:
    place = fault["loc"]
    where = _one_line(prefix + ".".join(map(str, place)))
    if fault["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(place[-1]), _known_keys(schema, place[:-1]), n=1)
        return f"unknown key {where}" + (f" (did you mean {close[0]}?)" if close else "")
    if fault["type"] == "missing":
        return f"{where} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    given = f", not {fault['input']!r:.40}" if isinstance(fault["input"], str | int | float | bool) else ""
    return f"{where}: {message}{given}" if where else message


def _known_keys(schema: type[Parameters], place: Sequence[int | str]) -> list[str]:
    """Return the keys that the table at `place` below `schema` knows, for suggestions."""
    tables: Mapping[tuple[str, ...], type[Parameters]] = {
        (): schema,
        ("embedding",): EmbeddingParameters,
        ("embedding", "views"): ViewOfBackbone,
        ("pixels",): PixelParameters,
        ("training",): TrainingParameters,
        ("pretraining",): Pretraining,
        ("pretraining", "training"): TrainingParameters,
    }
    return list(tables[tuple(part for part in place if isinstance(part, str))].model_fields)


def _one_line(text: str) -> str:
    """Return `text` with line ends and other invisible characters escaped."""
    return text if text.isprintable() else repr(text)[1:-1]


def _registry_faults(table: Mapping[str, Any], where: str, registry: Registry) -> list[str]:
    name = table.get("name")
    if not isinstance(name, str) or name not in registry:
        return [f"{where}.name: {name!r} is not one of {', '.join(registry)}"]
    rest = {key: value for key, value in table.items() if key != "name"}
    return _faults(registry[name].parameters, rest, f"{where}.")


def _misfits(recipe: Recipe) -> list[str]:
    """Return what in a recipe, each table right by itself, does not go together."""
    model = MODELS[recipe.model["name"]]
    name, faults = recipe.model["name"], []
    maps = recipe.embedding is not None and recipe.embedding.keeps_maps
    given = "pixels" if recipe.pixels is not None else "maps" if maps else "embedding"
    if given != model.takes:
        remedy = {"maps": "one view with maps = true", "pixels": "a [pixels] table", "embedding": "pooled views"}
        faults.append(f"model {name} takes {remedy[model.takes]}, not {given}")
    if recipe.pixels is not None and recipe.pixels.colour == "grey" and _has_backbone(recipe.model):
        faults.append(f'model {name} has a backbone, which sees colours: pixels.colour = "rgb"')
    if not model.learns and recipe.loss is not None:
        faults.append(f"model {name} learns nothing: leave loss and training out")
    if model.learns and recipe.loss is None:
        faults.append(f"model {name} has to learn: give loss and training")
    losses = [("loss", recipe.loss), ("pretraining.loss", recipe.pretraining and recipe.pretraining.loss)]
    for where, table in losses:
        if table and LOSSES[table["name"]].takes not in model.gives:
            faults.append(f"{where}: {table['name']} takes {LOSSES[table['name']].takes}, which {name} does not give")
    if recipe.mining and recipe.loss and LOSSES[recipe.loss["name"]].negatives == "none":
        faults.append(f"mining: loss {recipe.loss['name']} uses no negatives")
    return faults + _unwatchable(recipe)


def _unwatchable(recipe: Recipe) -> list[str]:
    """Return which stages watch an accuracy that their loss has not."""
    first = recipe.pretraining
    stages = [
        ("training", recipe.loss, recipe.training),
        ("pretraining.training", first and first.loss, first and first.training),
    ]
    return [
        f"{where}.watch: accuracy is of verdicts, not of loss {table['name']}"
        for where, table, training in stages
        if table and training and training.watch == "accuracy" and LOSSES[table["name"]].takes != "verdicts"
    ]


def _has_backbone(model: Mapping[str, Any]) -> bool:
    """Return whether a `model` table is of a model with a backbone of its own, named there or not."""
    name = model.get("name")
    return isinstance(name, str) and name in MODELS and "backbone" in MODELS[name].parameters.model_fields


def _apply(document: dict[str, Any], setting: str) -> None:
    key, equals, value = setting.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise UserError(f"--set {_one_line(setting)}: expected key=value, such as training.epochs=5")
    table = document
    for part in path[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {_one_line(setting)}: {_one_line(part)} is not a table")
        table = inner
    try:
        table[path[-1]] = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        table[path[-1]] = value  # a bare word


def _use_backbone(document: dict[str, Any], name: str, backbone: str) -> None:
    embedding, model = document.get("embedding"), document.get("model")
    if isinstance(embedding, dict) and "backbone" in embedding:
        embedding["backbone"] = backbone
    elif isinstance(model, dict) and ("backbone" in model or _has_backbone(model)):
        model["backbone"] = backbone
    else:
        raise UserError(f"--backbone {backbone}: recipe {name} uses no backbone\ntake one that does, such as adapter")
