"""The one exception that a user is meant to see."""

from collections.abc import Sequence


class UserError(Exception):
    """Something the user can fix: shown without a traceback, exit code 2.

    The message has one to three lines: which file, row or option; what is wrong; what to do.
    """


def summarise(faults: Sequence[str], shown: int = 3) -> str:
    """Join `faults` into one line, naming the first few and counting the rest."""
    rest = len(faults) - shown
    return "; ".join(faults[:shown]) + (f"; and {rest} more" if rest > 0 else "")
