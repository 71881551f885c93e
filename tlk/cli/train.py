"""`tlk train`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlk.cli.completion import any_run_names, recipe_names
from tlk.cli.console import (
    Console,
    DataOption,
    DeviceOption,
    RunsOption,
    print_contributions,
    print_new_run,
    print_table,
)
from tlk.cli.verification import print_verification

if TYPE_CHECKING:
    from tlk.training.profile import Profile


def train(
    recipe: Annotated[
        str | None,
        typer.Argument(
            help="A recipe's name (see tlk recipes) or a .toml file; default best.", autocompletion=recipe_names
        ),
    ] = None,
    data: DataOption = None,
    runs: RunsOption = None,
    folds: Annotated[Path | None, typer.Option(help="Fold table; default folds/<data>-k5-seed0.csv.")] = None,
    run: Annotated[
        str | None, typer.Option(help="Name of the run; default the recipe's.", autocompletion=any_run_names)
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Any timm name, hf-hub:NAME, or local-dir:PATH for weights on disk.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe; repeatable.")
    ] = None,
    device: DeviceOption = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run of the same name.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Go on without the pairs whose images cannot be read, which are named.")
    ] = False,
    log_with: Annotated[str | None, typer.Option("--log-with", help="Also log to: tensorboard.")] = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="Train once more on all pairs; predict then uses that model alone.")
    ] = False,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="Be done in so many: folds that have no more time stop earlier.")
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Also print where the training time went.")] = False,
) -> None:
    """Train a recipe on all folds and print its out-of-fold accuracy."""
    from tlk.training.deadline import Deadline

    deadline = Deadline(minutes)  # counted from here: loading torch takes seconds
    from tlk.training.profile import Profile
    from tlk.workflows.ensemble import contributions_of
    from tlk.workflows.train import train as work
    from tlk.workflows.train_options import TrainOptions
    from tlk.workflows.workspace import Workspace

    measured = Profile(detailed=True) if profile else None
    options = TrainOptions(
        recipe=recipe,
        folds=folds,
        run=run,
        backbone=backbone,
        settings=tuple(settings or ()),
        device=device,
        resume=resume,
        overwrite=overwrite,
        refit=refit,
        log_with=log_with,
        skip_bad=skip_bad,
        profile=measured,
        deadline=deadline,
    )
    done, numbers = work(Workspace.here(data, runs), options, Console())
    if os.environ.get("RANK", "0") != "0":  # of several processes, the first one speaks
        return
    print_contributions(contributions_of(done))
    told = done.verification()
    print_new_run(done.name, done.folder, numbers, ("eval", "predict") if told is None else ("eval",))
    print_verification(told)
    if measured is not None:
        _print_profile(measured)


def _print_profile(profile: "Profile") -> None:
    """Print where the time went; the steps of all folds and epochs together."""
    cells = [[part, f"{seconds:,.2f}", f"{100 * share:.1f}"] for part, seconds, share in profile.rows()]
    if not cells:
        print("no training step was taken: there is nothing to profile")
        return
    print_table(["", "seconds", "percent"], cells, "where the training time went, all folds and epochs together")
