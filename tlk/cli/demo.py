"""`tlk demo`."""

from typing import Annotated

import typer

from tlk.cli.console import Console, percent, print_contributions, print_table


def demo(
    backbone: Annotated[str | None, typer.Option(help="Train recipe best, too: a timm name or local-dir:PATH.")] = None,
) -> None:
    """Walk the whole path on the embedded competition, in the current folder."""
    from tlk.workflows.demo import SUBMISSION, run_demo

    rows, contributions = run_demo(backbone, Console())
    print_contributions(contributions)
    cells = [
        [row.run, percent(row.out_of_fold, row.out_of_fold_interval), percent(row.test, row.test_interval)]
        for row in rows
    ]
    print_table(["run", "out-of-fold %", "true test %"], cells, "top-2 of 20 on the embedded competition (chance 10 %)")
    print(f"{SUBMISSION}: the last row's scores; judge them yourself:")
    print(f"  tlk check-submission {SUBMISSION} --data demo")
    print(f"  tlk eval --submission {SUBMISSION} --data demo")
