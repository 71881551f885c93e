"""`tlk submissions …`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlk.cli.console import JsonOption, percent, print_json, print_table

if TYPE_CHECKING:
    from tlk.workflows.ledger_rows import Entry

app = typer.Typer(help="List what was predicted, and what the leaderboard said of it.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def submissions(context: typer.Context, json: JsonOption = False) -> None:
    """List what was predicted, the newest last, and what the leaderboard said of it."""
    if context.invoked_subcommand is not None:
        return
    from tlk.workflows.ledger import FOLDER, LEDGER, read_ledger, state_of

    found = [(entry, state_of(entry)) for entry in read_ledger()]
    if json:
        print_json([entry.document() | {"state": state} for entry, state in found])
        return
    if not found:
        print(f"there is no row in {FOLDER / LEDGER}: tlk predict writes them")
        return
    header = ["file", "run", "top-2 %", "public", "private", ""]
    title = f"{FOLDER / LEDGER}: top-2 out-of-fold; T: transductive"
    print_table(header, [_cells(entry, state) for entry, state in found], title)


@app.command("record")
def record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The submission, or its name in submissions/.")],
    public: Annotated[float | None, typer.Option(help="The public leaderboard's accuracy, from 0 to 1.")] = None,
    private: Annotated[float | None, typer.Option(help="The private leaderboard's.")] = None,
) -> None:
    """Add the leaderboard's answer to the newest row of FILE."""
    from tlk.workflows.ledger import record_score

    entry = record_score(file, public, private)
    scores = {"public": entry.public, "private": entry.private}
    told = ", ".join(f"{name} {percent(value)} %" for name, value in scores.items() if value is not None)
    here = f"; out-of-fold {_interval(entry)} %" if entry.top_2 is not None else ""
    print(f"{entry.file} of {entry.time}, run {entry.run}")
    print(f"{told}{here}")


def _cells(entry: "Entry", state: str) -> list[str]:
    scores = ["" if value is None else percent(value) for value in (entry.public, entry.private)]
    marks = ["T"] * entry.transductive + [state] * (state != "there")
    return [entry.file, entry.run, _interval(entry), *scores, ", ".join(marks)]


def _interval(entry: "Entry") -> str:
    if entry.top_2 is None or entry.low is None or entry.high is None:
        return ""
    return percent(entry.top_2, (entry.low, entry.high))
