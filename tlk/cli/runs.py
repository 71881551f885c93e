"""`tlk runs`."""

from typing import Annotated, Any

import typer

from tlk.cli.completion import any_run_names
from tlk.cli.console import JsonOption, RunsOption, percent, print_json, print_table

_UNITS = (("days", 86400), ("hours", 3600), ("minutes", 60))


def runs(
    named: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="These alone.", autocompletion=any_run_names)
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Remove the runs that are named.")] = False,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Of what was left unfinished.")] = False,
    runs: RunsOption = None,
    json: JsonOption = False,
) -> None:
    """List the runs, or remove some."""
    from tlk.files import in_bytes
    from tlk.workflows.runs import list_runs, prune_runs
    from tlk.workflows.workspace import Workspace

    place = Workspace.here(None, runs).runs
    if prune:
        done = prune_runs(place, named or [], unfinished)
        print_json(done) if json else print(f"{', '.join(done['removed'])}: removed, {in_bytes(done['freed'])}")
        return
    rows = list_runs(place, named or [], unfinished)
    if json:
        print_json(rows)
    elif rows:
        _print(rows)
    else:
        print(f"there is no {'unfinished ' if unfinished else ''}run in {place}")


def _print(rows: list[dict[str, Any]]) -> None:
    from tlk.files import in_bytes

    cells = [
        [row["run"], row["recipe"] or "", row["data"] or "", _reached(row), in_bytes(row["size"]), _age(row["age"])]
        for row in rows
    ]
    print_table(["run", "recipe", "data", "expected top-2 %", "size", "age"], cells)
    for row in rows:
        if row["progress"] or row["fault"]:
            print(f"{row['run']}: {row['state']}; {row['progress'] or row['fault']}")


def _reached(row: dict[str, Any]) -> str:
    return percent(row["expected_top_2"], row["expected_ci95"]) if row["state"] == "complete" else str(row["state"])


def _age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit."""
    for name, length in _UNITS:
        if seconds >= length:
            number = int(seconds // length)
            return f"{number} {name if number > 1 else name[:-1]}"
    return "just now"
