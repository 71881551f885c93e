"""What people see of the work that goes on: notes and progress, on stderr, in a terminal as in a notebook."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tlk.errors import printable


class Console:
    """A reporter for people: everything on stderr, progress bars only on a terminal and in a notebook."""

    def note(self, text: str) -> None:
        """Print one line; the work goes on where nobody reads it any more."""
        with suppress(BrokenPipeError):
            # names in it come from files
            print("\n".join(map(printable, text.split("\n"))), file=sys.stderr, flush=True)

    @contextmanager
    def track(self, what: str) -> Iterator[Callable[..., None]]:
        """Show a progress bar with rate and time left; it appears with the first step."""
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn(what),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[detail]}"),
            TimeRemainingColumn(),
        )
        console = RichConsole(stderr=True)
        notebook = console.is_jupyter and _has_widgets()  # whose cells would be full of bars that are done
        hidden = not (console.is_terminal or notebook)
        with Progress(*columns, console=console, disable=hidden, transient=notebook) as progress:
            tasks: list[Any] = []

            def step(done: int, total: int, detail: str = "") -> None:
                tasks.extend([progress.add_task(what, total=total, rate="", detail="")] if not tasks else [])
                speed = progress.tasks[0].speed
                progress.update(
                    tasks[0], completed=done, total=total, rate=f"{speed:,.1f}/s" if speed else "", detail=detail
                )

            yield step


def _has_widgets() -> bool:
    """Return whether a notebook can show a bar that moves; rich warns where it cannot."""
    return all(importlib.util.find_spec(name) for name in ("IPython", "ipywidgets"))
