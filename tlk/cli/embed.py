"""`tlk embed`."""

from typing import Annotated

import typer

from tlk.cli.console import Console, DataOption, DeviceOption


def embed(
    data: DataOption = None,
    backbone: Annotated[
        str | None, typer.Option(help="Any timm name, or local-dir:PATH; default the default recipe's.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Embed this recipe's views; default the backbone's own embedding.")
    ] = None,
    device: DeviceOption = "auto",
) -> None:
    """Fill the embedding store and print the rate."""
    from tlk.workflows.embed import fill_store
    from tlk.workflows.workspace import Workspace

    done = fill_store(Workspace.here(data), recipe, backbone, device, Console())
    rate = f", {done.computed / done.seconds:,.0f} images a second" if done.computed else ""
    print(
        f"{done.images} images, {done.views} views each: "
        f"{done.computed} computed in {done.seconds:.1f} s{rate}, {done.images - done.computed} from the store"
    )
