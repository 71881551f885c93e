"""`tlk bench`."""

from pathlib import Path
from typing import Annotated

import typer

from tlk.cli.console import Console, DataOption, JsonOption, percent, print_json, print_table


def bench(
    name: Annotated[str, typer.Argument(help="What to measure: ablation.")] = "ablation",
    data: DataOption = None,
    backbone: Annotated[
        str | None, typer.Option(help="A timm name or local-dir:PATH; without it, descriptors are ablated.")
    ] = None,
    folds: Annotated[Path | None, typer.Option(help="Fold table; default folds/<data>-k5-seed0.csv.")] = None,
    json: JsonOption = False,
) -> None:
    """Measure what each ingredient brings on the data, with paired intervals."""
    from tlk.errors import UserError
    from tlk.workflows.ablation import ablation
    from tlk.workflows.workspace import Workspace

    if name != "ablation":
        raise UserError(f"tlk bench {name}: there is no such bench\nthere is: ablation")
    effects = ablation(Workspace.here(data), backbone, folds, Console())
    if json:
        print_json([vars(effect) for effect in effects])
        return
    cells = [
        [effect.what, percent(effect.top_2, effect.ci95), percent(effect.gain, effect.gain_ci95)] for effect in effects
    ]
    title = "top-2 in percent, out-of-fold: one thing changed at a time, and the paired difference in points"
    print_table(["", "top-2 %", "difference"], cells, title)
