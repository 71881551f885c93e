"""`tlk explain`."""

from pathlib import Path
from typing import Annotated

import typer

from tlk.cli.completion import run_names
from tlk.cli.console import Console, DataOption, DeviceOption, RunsOption


def explain(
    left: Annotated[str, typer.Argument(metavar="LEFT", help="An id of the data, or the path of an image.")],
    right: Annotated[str, typer.Argument(metavar="RIGHT", help="Another.")],
    run: Annotated[
        str | None,
        typer.Option(
            help="A run; default the best by out-of-fold top-2, without runs a frozen backbone.",
            autocompletion=run_names,
        ),
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Explain this frozen network: any timm name, or local-dir:PATH.")
    ] = None,
    data: DataOption = None,
    runs: RunsOption = None,
    device: DeviceOption = "auto",
    out: Annotated[Path, typer.Option(help="Where to draw it, a PNG.")] = Path("explanation.png"),
) -> None:
    """Draw why LEFT and RIGHT are alike to a model: the places that had a say, and the regions that match."""
    from tlk.workflows.explain import ExplainOptions
    from tlk.workflows.explain import explain as work
    from tlk.workflows.workspace import Workspace

    options = ExplainOptions(left=left, right=right, run=run, backbone=backbone, device=device, out=out)
    done = work(Workspace.here(data, runs), options, Console())
    print(f"{left} and {right}: similarity {done.similarity:.4f} ({done.measure}), by {done.by}")
    print(f"written: {done.out}")
