"""Recipes: a run, completely. Read by name or from a file, with settings laid over it."""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from tlk.errors import UserError, summarise
from tlk.models.registry import has_backbone
from tlk.recipe_faults import find_faults, one_line
from tlk.recipe_schema import AnyRecipe, EnsembleRecipe, Recipe


@cache
def recipe_names() -> tuple[str, ...]:
    """Return the names of the recipes that come with the package."""
    names = (p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))
    return tuple(sorted(names))


def load_recipe(name: str, settings: Sequence[str] = (), backbone: str | None = None) -> AnyRecipe:
    """Read a recipe by name, or from a file if `name` ends in .toml, with `key=value` settings laid over it.

    Raises:
        UserError: there is no such recipe, it is not TOML, or its keys and values have faults: all are named.
    """
    document = read_document(name)
    for setting in settings:
        _apply(document, setting)
    if backbone is not None:
        _use_backbone(document, name, backbone)
    return parse_recipe(document, f"recipe {name}", _remedy(name, settings))


def recipe_text(name: str) -> str:
    """Return the TOML text of a recipe.

    Raises:
        UserError: there is no such recipe.
    """
    if name.endswith(".toml"):
        try:
            return Path(name).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise UserError(
                f"recipe {name} cannot be read: {error}\nname a TOML file, or one of: tlk recipes"
            ) from error
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
        raise UserError(
            f"recipe {name} is not TOML: {error}\nmend it there; tlk recipes adapter shows one whole"
        ) from error


def parse_recipe(document: Mapping[str, Any], origin: str, remedy: str = "see its keys: tlk recipes NAME") -> AnyRecipe:
    """Check a recipe, or an ensemble of recipes, and return it; `origin` and `remedy` are for messages.

    Raises:
        UserError: all faults, in one message.
    """
    try:
        document = _tuples(dict(document))
    except RecursionError as error:
        raise UserError(f"{origin}: its tables are nested too deep to be a recipe\n{remedy}") from error
    except OverflowError as error:
        raise UserError(f"{origin}: {error}\n{remedy}") from error
    faults = find_faults(document)
    if faults:
        raise UserError(f"{origin}: {summarise(faults, shown=12)}\n{remedy}")
    return (EnsembleRecipe if "members" in document else Recipe).model_validate(document)


def load_members(ensemble: EnsembleRecipe) -> list[Recipe]:
    """Read the recipes of an ensemble's members, with its backbone for those that use one.

    Raises:
        UserError: there is no such recipe, it has faults, or it is an ensemble itself.
    """
    found: list[Recipe] = []
    for member in ensemble.members:
        try:
            recipe = load_recipe(member.recipe, member.settings)
        except UserError as error:
            raise UserError(f"recipe {ensemble.name}, member {member.run}: {error}") from error
        if recipe.uses_backbone and ensemble.backbone is not None:
            recipe = load_recipe(member.recipe, member.settings, ensemble.backbone)
        if isinstance(recipe, EnsembleRecipe):
            what = f"recipe {ensemble.name}: member {member.recipe} is an ensemble itself"
            raise UserError(f"{what}\nname the recipes that it is made of")
        if found and recipe.split != found[0].split:
            what = f"recipe {ensemble.name}: members {found[0].name} and {recipe.name} have different splits"
            raise UserError(f"{what}\ngive all the same: settings = ['split=\"folds\"']")
        found.append(recipe.model_copy(update={"scored": None}))
    return found


def _folder() -> Any:
    return resources.files("tlk") / "recipes"


def _tuples(value: Any, key: str = "") -> Any:
    """Turn lists into tuples, of what stands at `key`: a recipe does not change.

    Raises:
        OverflowError: a whole number has more than the 64 bits that TOML gives it; of too many digits none is printed.
    """
    if isinstance(value, int) and value.bit_length() > 63:
        raise OverflowError(f"{one_line(key)}: a whole number is larger than any that TOML knows")
    if isinstance(value, dict):
        return {name: _tuples(item, f"{key}.{name}".lstrip(".")) for name, item in value.items()}
    return tuple(_tuples(item, key) for item in value) if isinstance(value, list) else value


def _apply(document: dict[str, Any], setting: str) -> None:
    key, equals, value = setting.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise UserError(f"--set {one_line(setting)}: expected key=value\nsuch as --set training.epochs=5")
    table = document
    for part in path[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise UserError(
                f"--set {one_line(setting)}: {one_line(part)} is not a table\nsee which are: tlk recipes NAME"
            )
        table = inner
    try:
        table[path[-1]] = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        table[path[-1]] = value  # a bare word


def _remedy(name: str, settings: Sequence[str]) -> str:
    """Return what to do about faults; who names another loss or model keeps keys that it may not know."""
    keys = [setting.partition("=")[0].strip() for setting in settings]
    parts = [one_line(key.removesuffix(".name")) for key in keys if key.endswith(".name")]
    whole = f"; take another {parts[0]} whole: --set '{parts[0]}={{name=\"…\"}}'" if parts else ""
    return f"see its keys: tlk recipes {name}{whole}" if not name.endswith(".toml") else f"mend it there{whole}"


def _use_backbone(document: dict[str, Any], name: str, backbone: str) -> None:
    embedding, model = document.get("embedding"), document.get("model")
    if "members" in document and "backbone" in document:
        document["backbone"] = backbone
    elif isinstance(embedding, dict) and "backbone" in embedding:
        embedding["backbone"] = backbone
    elif isinstance(model, dict) and ("backbone" in model or has_backbone(model)):
        model["backbone"] = backbone
    else:
        raise UserError(f"--backbone {backbone}: recipe {name} uses no backbone\ntake one that does, such as adapter")
