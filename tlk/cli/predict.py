"""`tlk predict`."""

from pathlib import Path
from typing import Annotated

import typer

from tlk.cli.console import Console, DataOption, DeviceOption, RunsOption


def predict(
    run: Annotated[str | None, typer.Argument(help="A run; default the best by out-of-fold top-2.")] = None,
    data: DataOption = None,
    runs: RunsOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Submission; default submissions/<run>.csv, or submissions/submission.csv if no run is named."
        ),
    ] = None,
    device: DeviceOption = "auto",
    matching: Annotated[
        bool | None,
        typer.Option(
            "--matching/--no-matching",
            help="Assign each right image to one query, looking at all lists; default what the recipe says.",
        ),
    ] = None,
    known_pairs: Annotated[
        bool | None,
        typer.Option(
            "--known-pairs/--no-known-pairs",
            help="Answer queries that repeat a training pair with that pair's match; default what the recipe says.",
        ),
    ] = None,
) -> None:
    """Score the test lists and write the submission CSV."""
    from tlk.workflows.predict import predict as work
    from tlk.workflows.workspace import Workspace

    done = work(Workspace.here(data, runs), run, out, device, Console(), matching, known_pairs)
    how = "all lists matched (transductive)" if done.matched else "strictly per query"
    how += ", models that saw the test half" if done.run.manifest().get("pseudo_pairs") else ""
    how += f", {done.known} answers known from training pairs" if done.known else ""
    print(f"{done.path}: {done.queries} queries, run {done.run.name}, {done.models} models averaged, {how}")
