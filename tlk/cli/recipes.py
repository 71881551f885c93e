"""`tlk recipes`."""

from typing import Annotated

import typer

from tlk.cli.console import print_table


def recipes(name: Annotated[str | None, typer.Argument(help="Show this one whole.")] = None) -> None:
    """List the recipes, or show one."""
    from tlk.recipe import load_recipe, recipe_names, recipe_text

    if name is not None:
        print(recipe_text(name), end="")
        return
    loaded = [load_recipe(recipe) for recipe in recipe_names()]
    print_table(["recipe", "what it is"], [[recipe.name, recipe.summary] for recipe in loaded])
