"""`tlk embed`."""

from pathlib import Path
from typing import Annotated

import typer

from tlk.cli.completion import recipe_names
from tlk.cli.console import Console, DataOption, DeviceOption


def embed(
    data: DataOption = None,
    backbone: Annotated[
        str | None, typer.Option(help="Any timm name, or local-dir:PATH; default the default recipe's.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Embed this recipe's views; default the backbone's own embedding.", autocompletion=recipe_names
        ),
    ] = None,
    device: DeviceOption = "auto",
    export: Annotated[
        Path | None, typer.Option(help="Also write the vectors into this folder: one .npy a view, and ids.csv.")
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out the images that cannot be read, and name them.")
    ] = False,
) -> None:
    """Fill the embedding store and print the rate."""
    from tlk.processes import rank, world_size
    from tlk.workflows.embed import fill_store
    from tlk.workflows.workspace import Workspace

    done = fill_store(Workspace.here(data), recipe, backbone, device, Console(), export, skip_bad)
    rate = f", {done.computed / done.seconds:,.0f} images a second" if done.computed else ""
    others = "from the store" if world_size() == 1 else "from the store or of other processes"
    of = f"process {rank() + 1} of {world_size()}: " if world_size() > 1 else ""
    print(
        f"{of}{done.images} images, {done.views} views each: "
        f"{done.computed} computed in {done.seconds:.1f} s{rate}, {done.images - done.computed} {others}"
    )
    if done.exported:
        print(f"{len(done.exported) - 1} views exported to {export}; {done.exported[-1]} says which row is which image")
