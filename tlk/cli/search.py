"""`tlk search`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlk.cli.completion import run_names
from tlk.cli.console import Console, DataOption, DeviceOption, JsonOption, RunsOption, print_json, print_table

if TYPE_CHECKING:
    from tlk.workflows.search_results import Found


def search(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE...", help="Paths of images, or ids of the gallery.")],
    run: Annotated[
        str | None,
        typer.Option(
            help="A run; default the best by out-of-fold top-2, without runs a frozen backbone.",
            autocompletion=run_names,
        ),
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="Any folder of JPEG, PNG, WebP or TIFF images, nested; default the data.")
    ] = None,
    top: Annotated[int, typer.Option(help="How many to find for each image.")] = 10,
    backbone: Annotated[
        str | None, typer.Option(help="Compare with this frozen network: any timm name, or local-dir:PATH.")
    ] = None,
    data: DataOption = None,
    runs: RunsOption = None,
    device: DeviceOption = "auto",
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out the gallery's images that cannot be read.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write a CSV: query,rank,id,similarity,title.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Also draw a contact sheet, a PNG, a row an image.")] = None,
    json: JsonOption = False,
) -> None:
    """Find the images of a gallery that are most like each IMAGE."""
    from tlk.workflows.search import SearchOptions
    from tlk.workflows.search import search as work
    from tlk.workflows.workspace import Workspace

    options = SearchOptions(
        queries=tuple(images),
        run=run,
        gallery=gallery,
        top=top,
        backbone=backbone,
        device=device,
        skip_bad=skip_bad,
        out=out,
        sheet=sheet,
    )
    done = work(Workspace.here(data, runs), options, Console())
    if json:
        print_json(done.document())
        return
    for found in done.found:
        _print_found(found)
    print(f"{done.images:,} images of {done.gallery} compared by {done.by}")
    for place in (out, sheet):
        if place is not None:
            print(f"written: {place}")


def _print_found(found: "Found") -> None:
    titles = {
        "title": [one.title for one in found.neighbours],
        "artist": [one.artist for one in found.neighbours],
    }
    known = [name for name, cells in titles.items() if any(cells)]
    rows = [
        [str(one.rank), one.id, *(titles[name][row] for name in known), f"{one.similarity:.4f}"]
        for row, one in enumerate(found.neighbours)
    ]
    print_table(["rank", "id", *known, "similarity"], rows, f"nearest to {found.query}")
