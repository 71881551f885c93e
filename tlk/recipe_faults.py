"""What is wrong with a recipe: all of it, in the words of its keys."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from tlk.embeddings.schema import EmbeddingParameters, ViewOfBackbone
from tlk.losses.registry import LOSSES
from tlk.miners.registry import MINERS
from tlk.models.registry import MODELS, has_backbone
from tlk.recipe_schema import EnsembleRecipe, Member, PixelParameters, Pretraining, Recipe, TrainingParameters
from tlk.registry import Parameters, Registry


def find_faults(document: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a recipe's tables, or with what they make together."""
    if "members" in document:
        return _faults(EnsembleRecipe, document, "")
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
    return faults or _misfits(Recipe.model_validate(document))


def one_line(text: str) -> str:
    """Return `text` with line ends and other invisible characters escaped, cut where it is long."""
    line = text if text.isprintable() else repr(text)[1:-1]
    return line if len(line) <= 120 else f"{line[:120]}…"


def _faults(schema: type[Parameters], document: Mapping[str, Any], prefix: str) -> list[str]:
    try:
        schema.model_validate(document)
    except ValidationError as error:
        return [_describe(fault, schema, prefix) for fault in error.errors()]
    return []


def _describe(fault: Any, schema: type[Parameters], prefix: str) -> str:
    place = fault["loc"]
    where = one_line((prefix + ".".join(map(str, place))).rstrip("."))
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
        ("members",): Member,
        ("embedding",): EmbeddingParameters,
        ("embedding", "views"): ViewOfBackbone,
        ("pixels",): PixelParameters,
        ("training",): TrainingParameters,
        ("pretraining",): Pretraining,
        ("pretraining", "training"): TrainingParameters,
    }
    known = tables.get(tuple(part for part in place if isinstance(part, str)))
    return list(known.model_fields) if known is not None else []


def _registry_faults(table: Mapping[str, Any], where: str, registry: Registry) -> list[str]:
    name = table.get("name")
    if not isinstance(name, str) or name not in registry:
        return [f"{where}.name: {one_line(repr(name))} is not one of {', '.join(registry)}"]
    rest = {key: value for key, value in table.items() if key != "name"}
    return _faults(registry[name].parameters, rest, f"{where}.")


def _misfits(recipe: Recipe) -> list[str]:
    """Return what in a recipe, each table right by itself, does not go together."""
    model = MODELS[recipe.model["name"]]
    name, faults = recipe.model["name"], []
    given = _given(recipe)
    if given != model.takes:
        remedy = {
            "maps": "one view with maps = true",
            "gradient-maps": 'descriptors = ["gradient-maps"]',
            "pixels": "a [pixels] table",
            "embedding": "pooled views",
        }
        faults.append(f"model {name} takes {remedy[model.takes]}, not {given}")
    if recipe.pixels is not None and recipe.pixels.colour == "grey" and has_backbone(recipe.model):
        faults.append(f'model {name} has a backbone, which sees colours: pixels.colour = "rgb"')
    if not model.learns and recipe.loss is not None:
        faults.append(f"model {name} learns nothing: leave loss and training out")
    if model.learns and recipe.loss is None:
        faults.append(f"model {name} has to learn: give loss and training")
    losses = [("loss", recipe.loss), ("pretraining.loss", recipe.pretraining and recipe.pretraining.loss)]
    for where, table in losses:
        if table and LOSSES[table["name"]].asks not in model.gives:
            faults.append(f"{where}: {table['name']} takes {LOSSES[table['name']].takes}, which {name} does not give")
    if recipe.pseudo_pairs and recipe.loss and LOSSES[recipe.loss["name"]].takes != "embeddings":
        faults.append(f"pseudo_pairs: loss {recipe.loss['name']} does not train embeddings that find each other")
    if recipe.loss and LOSSES[recipe.loss["name"]].takes == "images" and recipe.model.get("dense"):
        faults.append(f"model.dense: loss {recipe.loss['name']} would not train it")
    if recipe.embedding is not None:
        count = len(recipe.embedding.views) + len(recipe.embedding.descriptors)
        unknown = sorted({number for group in recipe.model.get("groups", ()) for number in group if number >= count})
        faults += [f"model.groups: there is no view {number}, the last is {count - 1}" for number in unknown]
    return faults + _mining_misfits(recipe) + _stage_misfits(recipe)


def _given(recipe: Recipe) -> str:
    """Return what the recipe gives its model."""
    if recipe.embedding is None:
        return "pixels"
    if recipe.embedding.keeps_gradients:
        return "gradient-maps"
    return "maps" if recipe.embedding.keeps_maps else "embedding"


def _mining_misfits(recipe: Recipe) -> list[str]:
    if not recipe.mining or not recipe.loss or not recipe.training:
        return []
    unused = LOSSES[recipe.loss["name"]].negatives == "none"
    stale = not recipe.training.fresh_negatives
    return [f"mining: loss {recipe.loss['name']} uses no negatives"] * unused + [
        "training.fresh_negatives: mined negatives are always drawn anew"
    ] * stale


def _stage_misfits(recipe: Recipe) -> list[str]:
    """Return what a stage's loss cannot do with its settings."""
    faults, first = [], recipe.pretraining
    stages = [
        ("training", recipe.loss, recipe.training),
        ("pretraining.training", first and first.loss, first and first.training),
    ]
    for where, table, training in stages:
        if not table or not training:
            continue
        entry = LOSSES[table["name"]]
        if training.watch == "accuracy" and entry.takes != "verdicts":
            faults.append(f"{where}.watch: accuracy is of verdicts, not of loss {table['name']}")
        if where.startswith("pretraining") and entry.takes == "classes":
            faults.append(f"pretraining.loss: {table['name']} goes with the training, whose groups are its classes")
        if training.watch == "loss" and entry.takes == "classes":
            faults.append(f"{where}.watch: loss {table['name']} knows only the classes that are learned: watch top_2")
        if entry.in_batch and training.accumulate > training.batch_size // 2:
            faults.append(f"{where}.accumulate: loss {table['name']} compares pairs, so each part needs two of them")
    alone = first is not None and first.on == "images" and LOSSES[first.loss["name"]].asks == "embeddings"
    changed = recipe.pixels.augment if recipe.pixels else recipe.embedding is not None and recipe.embedding.mirrored
    if alone and not changed:
        faults.append('pretraining.on: "images" needs two looks of each: pixels.augment, or embedding.mirrored')
    return faults
