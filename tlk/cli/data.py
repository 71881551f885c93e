"""`tlk data …`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tlk.cli import collections
from tlk.cli.console import Console, JsonOption, print_json, print_table

app = typer.Typer(
    help="Draw the embedded competition, read art collections, or look over real data.", rich_markup_mode=None
)


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command("demo")
def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")],
    pairs: Annotated[int, typer.Option(help="Training pairs.")] = 400,
    queries: Annotated[int, typer.Option(help="Test queries.")] = 200,
    seed: Annotated[int, typer.Option(help="Another seed is another competition.")] = 0,
) -> None:
    """Draw the embedded competition into DIR."""
    from tlk.data.demo import draw_competition

    draw_competition(folder, pairs=pairs, queries=queries, seed=seed)
    print(f"{folder}: {pairs} training pairs, {queries} test queries; the answers are in test_truth.csv")


@app.command("check")
def check(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Folder or zip; default TLK_DATA, else data/.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Also look at pairs whose embeddings by this backbone are alike.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Count, and look for faults, duplicates, and leaks between train and test; exit code 2 if there are faults."""
    from tlk.workflows.check_data import check_data
    from tlk.workflows.workspace import Workspace

    result = check_data(Workspace.here(folder), Console(), backbone)
    print_json(result) if json else _print_check(result)
    if result["faults"]:
        from tlk.errors import UserError

        raise UserError(
            f"{len(result['faults'])} faults in the data, the first: {result['faults'][0]}\nsee the list above"
        )


app.command("nga")(collections.nga)
app.command("painters")(collections.painters)
app.command("pairs")(collections.pairs)


def _print_check(result: dict[str, Any]) -> None:
    for name in ("counts", "duplicates"):
        print_table([name, ""], [[key, f"{value:,}"] for key, value in result[name].items()])
    print(f"leaks: {len(result['leaks'])} test queries are training pairs come again")
    for leak in result["leaks"]:
        pairs = ", ".join(" + ".join(pair) for pair in leak["pairs"])
        print(f"  query {leak['query']} with candidate {leak['candidate']} is {pairs}")
    print(f"faults: {len(result['faults'])}")
    for fault in result["faults"]:
        print(f"  {fault}")
