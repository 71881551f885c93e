"""`tlk folds`."""

from pathlib import Path
from typing import Annotated

import typer

from tlk.cli.console import Console, DataOption
from tlk.constants import FOLDS


def folds(
    data: DataOption = None,
    k: Annotated[int, typer.Option("--k", help="Number of folds.")] = FOLDS,
    seed: Annotated[int, typer.Option(help="Seed of the assignment.")] = 0,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Go on where images cannot be read: their pairs keep a place in the table.",
        ),
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Fold table; default folds/<data>-k<k>-seed<seed>.csv.")] = None,
) -> None:
    """Split the training pairs into folds; near-duplicates stay together."""
    import numpy as np

    from tlk.workflows.folds import make_folds
    from tlk.workflows.skip_bad import of_pairs, without_bad
    from tlk.workflows.workspace import Workspace

    workspace, console = Workspace.here(data), Console()
    if skip_bad:
        workspace = without_bad(workspace, of_pairs, console)
    table, path = make_folds(workspace, k, seed, out, console)
    sizes = ", ".join(map(str, np.bincount(table.fold)))
    print(f"{path}: {len(table.fold)} pairs in {len(np.unique(table.group))} groups, folds of {sizes}")
