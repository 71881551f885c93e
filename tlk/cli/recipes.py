"""`tlk recipes`."""

from typing import Annotated

import typer

from tlk.cli.completion import recipe_names
from tlk.cli.console import print_text


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
        print_text(f"{recipe.name}: {recipe.summary}", indent=2)
        told = {"from": recipe.source, "reported": recipe.reported, "scored": recipe.scored or "not run"}
        for word, text in told.items():
            if text:
                print_text(f"  {word:<10}{text}", indent=12)
        print()
