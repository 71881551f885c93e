"""`tlk report`."""

from pathlib import Path
from typing import Annotated

import typer

from tlk.cli.completion import run_names
from tlk.cli.console import Console, DataOption, RunsOption


def report(
    runs_named: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]...", help="Runs; default all of the data, the best first.", autocompletion=run_names
        ),
    ] = None,
    data: DataOption = None,
    runs: RunsOption = None,
    out: Annotated[Path, typer.Option(help="The page: one HTML file that needs nothing else.")] = Path("report.html"),
    figures: Annotated[Path | None, typer.Option(help="Also write figures, PNG and SVG, into this folder.")] = None,
    faces: Annotated[bool, typer.Option("--faces", help="Also by faces: a pass over all images, once.")] = False,
) -> None:
    """Write one HTML page to look at runs: what they reach, where they fail, and every query with its candidates."""
    from tlk.files import in_bytes
    from tlk.workflows.report import ReportOptions
    from tlk.workflows.report import report as work
    from tlk.workflows.workspace import Workspace

    done = work(Workspace.here(data, runs), runs_named or [], ReportOptions(out, figures, faces), Console())
    print(f"{done.path}: {', '.join(done.runs)}; {done.pictures:,} pictures, {in_bytes(done.size)}")
    for path in done.figures:
        print(f"written: {path}")
