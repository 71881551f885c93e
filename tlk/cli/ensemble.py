"""`tlk ensemble`."""

from typing import Annotated

import typer

from tlk.cli.completion import run_names
from tlk.cli.console import Console, DataOption, RunsOption, print_contributions, print_new_run
from tlk.cli.verification import print_verification


def ensemble(
    named: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN...", help="Runs over the same folds.", autocompletion=run_names),
    ],
    data: DataOption = None,
    runs: RunsOption = None,
    run: Annotated[str | None, typer.Option(help="Name of the new run; default ensemble.")] = None,
    blend: Annotated[
        str, typer.Option(help="What is added: log_odds, z_score (each list's own scale) or rank.")
    ] = "log_odds",
    weights: Annotated[
        str, typer.Option(help="fitted (nested over the folds), or equal (log_odds: each member calibrated by itself).")
    ] = "fitted",
    matching: Annotated[
        bool, typer.Option("--matching/--no-matching", help="What tlk predict does with the new run by default.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run of the same name.")] = False,
) -> None:
    """Blend runs by their out-of-fold scores into a new run, and say what each of them brings."""
    from tlk.workflows.ensemble import EnsembleOptions
    from tlk.workflows.ensemble import ensemble as work
    from tlk.workflows.workspace import Workspace

    options = EnsembleOptions.of(run, blend, weights, matching, overwrite)
    done, numbers, rows = work(Workspace.here(data, runs), named, options)
    if len(done.calibration().deviations) == 1:
        what = "a single hold-out: no weights can be fitted without looking at what is scored"
        Console().note(f"{what}, so all members weigh alike and none is dropped")
    print_contributions(rows)
    told = done.verification()
    print_new_run(done.name, done.folder, numbers, ("eval", "predict") if told is None else ("eval",))
    print_verification(told)
