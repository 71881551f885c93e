"""`tlk submit`."""

from pathlib import Path
from typing import Annotated

import typer

from tlk.cli.console import DataOption


def submit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The submission.")],
    competition: Annotated[
        str, typer.Option("--competition", "-c", help="What the address of the competition at Kaggle ends in.")
    ],
    message: Annotated[str, typer.Option("--message", "-m", help="What Kaggle shall show beside it.")],
    data: DataOption = None,
) -> None:
    """Check a submission and hand it to Kaggle's own client (pip install 'tlk[kaggle]')."""
    from tlk.workflows.submit import submit as work
    from tlk.workflows.workspace import Workspace

    print(work(Workspace.here(data), file, competition, message))
    print(f"once it is scored: tlk submissions record {file} --public SCORE")
