"""The one exception that a user is meant to see, and words that several places share."""

from collections.abc import Sequence
from pathlib import Path


class UserError(Exception):
    """Something the user can fix: shown without a traceback, exit code 2.

    The message has one to three lines: which file, row or option; what is wrong; what to do.
    """


def damaged_run(folder: Path, what: str) -> UserError:
    """Return the error for a run of which something cannot be used: `what` names the file and the fault."""
    while folder.parent.name == "members":  # an ensemble keeps its members' files
        folder = folder.parent.parent
    name = folder.name.removesuffix(".partial")
    again = f"tlk train RECIPE --run {name} --overwrite, or tlk ensemble likewise"
    return UserError(f"{what}\ndelete {folder}, or make the run anew: {again}")


def printable(text: str) -> str:
    """Return one line without what cannot be printed: line ends, and what a terminal would obey."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def shown(text: str, most: int = 60) -> str:
    """Return `text` quoted for a message: cut where it is long, without anything that a terminal would obey."""
    return repr(text if len(text) <= most else f"{text[:most]}…")


def summarise(faults: Sequence[str], shown: int = 3) -> str:
    """Join `faults` into one line, naming the first few and counting the rest."""
    rest = len(faults) - shown
    return "; ".join(faults[:shown]) + (f"; and {rest} more" if rest > 0 else "")
