"""What commands share: notes and progress on stderr, tables on stdout, options that mean the same everywhere."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlk.console import Console as Console
from tlk.errors import printable
from tlk.percent import percent as percent

if TYPE_CHECKING:
    from tlk.workflows.ensemble import Contribution

DataOption = Annotated[
    Path | None, typer.Option("--data", help="The data: folder or zip, or a collection; default TLK_DATA, else data/.")
]
RunsOption = Annotated[Path | None, typer.Option("--runs", help="Folder of the runs; default runs/.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
TopkOption = Annotated[int | None, typer.Option("--topk", help="Show top-1 to top-K; default 4.")]

UNBROKEN = len("100.0 [100.0, 100.0]")  # what a table breaks last when it is too wide


def print_json(document: Any) -> None:
    """Print exactly one JSON document; letters that the stream cannot carry are escaped, none is lost."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(json.dumps(document, indent=1, ensure_ascii=not encoding.lower().startswith("utf")))


def print_table(header: list[str], rows: list[list[str]], title: str = "") -> None:
    """Print a table that fits the terminal; into a file or a pipe plain, and as wide as COLUMNS says, else 80."""
    from rich import box
    from rich.console import Console as RichConsole
    from rich.table import Table

    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    # Numbers are broken last: only where even a first column of a few letters leaves no room for all of them.
    kept = [i > 0 and width <= UNBROKEN for i, width in enumerate(widths)]
    least = sum(width if keep else min(width, 6) for width, keep in zip(widths, kept, strict=True)) + 3 * len(widths)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(header):
        no_wrap = kept[i] and least <= _width()
        table.add_column(name, justify="left" if i == 0 else "right", overflow="fold", no_wrap=no_wrap)
    for row in rows:
        table.add_row(*map(printable, row))  # titles and ids come from files
    if title:
        print_text(title)  # a table's own title would be folded to the table's width
    width = max(_width(), 5 * len(header))  # any narrower, rich leaves columns without a letter
    if sys.stdout.isatty():
        RichConsole(highlight=False, markup=False, width=width).print(table)
        return
    console = RichConsole(highlight=False, markup=False, width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(table)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_text(text: str, indent: int = 0) -> None:
    """Print words, folded between them to the width of the terminal, or of the pipe; further lines are indented."""
    space = " " * indent
    folded = textwrap.wrap(
        printable(text), _width(), subsequent_indent=space, break_long_words=False, break_on_hyphens=False
    )
    print("\n".join(folded))


def _width() -> int:
    """Return how wide text may be: a pipe or a file has COLUMNS, else 80, whatever terminal it was started from."""
    if sys.stdout.isatty():
        return max(1, shutil.get_terminal_size().columns)
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) > 0 else 80


def print_new_run(name: str, folder: Path, numbers: dict[str, Any], then: Sequence[str] = ("eval", "predict")) -> None:
    """Print what a run that has just been made reaches, and what to do with it."""
    sampled = percent(numbers["top_k"]["2"], numbers["ci95"]["2"])
    expected = percent(numbers["expected_top_k"]["2"], numbers["expected_ci95"]["2"])
    print(f"run {name}: out-of-fold top-2 {sampled} % of {numbers['n']} pairs (expected {expected} %)")
    if numbers["matched_top_k"]:
        print(f"with all lists matched: {percent(numbers['matched_top_k']['2'], numbers['matched_ci95']['2'])} %")
    print(f"kept in {folder}; next: {', '.join(f'tlk {command} {name}' for command in then)}")


def print_contributions(rows: "Sequence[Contribution]") -> None:
    """Print what each member of an ensemble is worth; nothing where there are none."""
    if not rows:
        return
    cells = [
        [row.run, percent(row.alone), f"{row.weight:.2f}" if row.kept else "dropped", percent(row.gain, row.ci95)]
        for row in rows
    ]
    title = "expected top-2 in percent, out-of-fold; what is lost without a member, paired"
    print_table(["member", "alone", "weight", "brings"], cells, title)
