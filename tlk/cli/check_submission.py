"""`tlk check-submission`."""

from pathlib import Path
from typing import Annotated

import typer

from tlk.cli.console import DataOption


def check_submission(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The CSV to judge.")], data: DataOption = None
) -> None:
    """Say whether a submission will be accepted."""
    from tlk.errors import UserError, summarise
    from tlk.workflows.predict import check
    from tlk.workflows.workspace import Workspace

    faults = check(Workspace.here(data), file)
    if faults:
        raise UserError(f"{file}: {summarise(faults)}\nwrite it again: tlk predict")
    print(f"{file}: valid")
