"""`tlk compare`."""

from typing import Annotated

import typer

from tlk.cli.completion import run_names
from tlk.cli.console import Console, DataOption, DeviceOption, JsonOption, RunsOption, percent, print_json


def compare(
    first: Annotated[str, typer.Argument(metavar="IMAGE", help="The path of an image, or an id of the data.")],
    second: Annotated[str, typer.Argument(metavar="IMAGE", help="Another.")],
    run: Annotated[
        str | None, typer.Option(help="A run; default the best by out-of-fold top-2.", autocompletion=run_names)
    ] = None,
    data: DataOption = None,
    runs: RunsOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Say how alike two images are, and whether they match, as known pairs tell."""
    from tlk.workflows.compare import compare as work
    from tlk.workflows.workspace import Workspace

    found = work(Workspace.here(data, runs), first, second, run, device, Console())
    if json:
        print_json(found.document())
        return
    unseen = ", by the model that saw neither" if found.out_of_fold else ""
    print(f"{found.first} and {found.second}, run {found.run}{unseen}")
    print(f"similarity {found.similarity:.4f}; a match above {found.threshold:.4f}")
    matched, unmatched = found.percentiles
    print(f"higher than {matched:.0f} % of known matches, and than {unmatched:.0f} % of known non-matches")
    verdict = "a match" if found.match else "no match"
    print(f"verdict: {verdict}, right with a chance of {percent(found.chance_right)} %, if {_share(found.share)}")
    print(f"of known pairs, such verdicts called {percent(found.accuracy)} % rightly")


def _share(share: float) -> str:
    return "every second pair matches" if abs(share - 0.5) < 0.005 else f"{percent(share)} % of pairs match"
