"""`tlk bench`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlk.cli.console import Console, DataOption, JsonOption, percent, print_json, print_table

if TYPE_CHECKING:
    from tlk.workflows.bench.measure import Row


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="What to measure; default all but ablation.")
    ] = None,
    data: DataOption = None,
    backbone: Annotated[
        str | None, typer.Option(help="A timm name or local-dir:PATH; without it, random weights, or descriptors.")
    ] = None,
    size: Annotated[int, typer.Option(min=1000, help="How many embeddings to search among.")] = 100_000,
    folds: Annotated[Path | None, typer.Option(help="For ablation: a fold table.")] = None,
    json: JsonOption = False,
) -> None:
    """Measure speed beside what one would otherwise use; or, as `ablation`, what each ingredient brings."""
    from tlk.workflows.workspace import Workspace

    workspace = Workspace.here(data)
    if names == ["ablation"]:
        _ablation(workspace, backbone, folds, json)
        return
    from tlk.workflows.bench.run import run_benches

    rows: list[Row] = []
    try:
        rows.extend(run_benches(names or [], workspace.data, backbone, size, Console()))
    finally:  # what was measured is shown, whatever comes after
        if json:
            print_json([vars(row) | {"speed_up": row.speed_up} for row in rows])
        elif rows:
            _print_rows(rows)


def _print_rows(rows: "list[Row]") -> None:
    print_table(["", "seconds", "beside", "times as fast", "MiB"], [_cells(row) for row in rows])
    for row in rows:
        if row.beside or row.note:
            beside = f" beside: {row.beside};" if row.beside else ""
            print(f"{row.what}:{beside} {row.note}".rstrip("; "))


def _cells(row: "Row") -> list[str]:
    beside = f"{row.beside_seconds:.3g}" if row.beside_seconds is not None else ""
    times = f"{row.speed_up:.2f}" if row.speed_up is not None else ""
    return [row.what, f"{row.seconds:.3g}", beside, times, f"{row.peak_mib:.0f}" if row.peak_mib is not None else ""]


def _ablation(workspace: Any, backbone: str | None, folds: Path | None, json: bool) -> None:
    from tlk.workflows.ablation import ablation

    effects = ablation(workspace, backbone, folds, Console())
    if json:
        print_json([vars(effect) for effect in effects])
        return
    cells = [
        [effect.what, percent(effect.top_2, effect.ci95), percent(effect.gain, effect.gain_ci95)] for effect in effects
    ]
    title = "top-2 in percent, out-of-fold: one thing changed at a time, and the paired difference in points"
    print_table(["", "top-2 %", "difference"], cells, title)
