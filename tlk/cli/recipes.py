"""`tlk recipes`."""

from typing import Annotated

import typer

from tlk.cli.completion import recipe_names


def recipes(
    name: Annotated[str | None, typer.Argument(help="Show this one whole.", autocompletion=recipe_names)] = None,
) -> None:
    """List the recipes, or show one."""
    from tlk.recipe import load_recipe, read_document, recipe_names, recipe_text

    if name is not None:
        read_document(name)  # says what is wrong with a file
        print(recipe_text(name), end="")
        return
    loaded = [load_recipe(recipe) for recipe in recipe_names()]
    for recipe in loaded:
        reported = f"\n  reported  {recipe.reported}" if recipe.reported else ""
        print(f"{recipe.name}: {recipe.summary}\n  from      {recipe.source}{reported}")
        print(f"  scored    {recipe.scored or 'not run'}\n")
