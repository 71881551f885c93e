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
    out: Annotated[Path | None, typer.Option(help="Fold table; default folds/<data>-k<k>-seed<seed>.csv.")] = None,
) -> None:
    """Split the training pairs into folds; near-duplicates stay together."""
    import numpy as np

    from tlk.workflows.folds import make_folds
    from tlk.workflows.workspace import Workspace

    table, path = make_folds(Workspace.here(data), k, seed, out, Console())
    sizes = ", ".join(map(str, np.bincount(table.fold)))
    print(f"{path}: {len(table.fold)} pairs in {len(np.unique(table.group))} groups, folds of {sizes}")
