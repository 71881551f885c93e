"""What a workflow tells while it works; the command line shows it, a notebook may do as it likes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Reporter(Protocol):
    """Receives notes and progress."""

    def note(self, text: str) -> None:
        """Take one line that the user should see."""

    def track(self, what: str) -> "Tracking":
        """Return a context that shows the progress of `what`."""


class Tracking(Protocol):
    """A context whose value is called with (done, total)."""

    def __enter__(self) -> Callable[[int, int], None]: ...

    def __exit__(self, *error: object) -> None: ...


class Silent:
    """A reporter that tells nothing."""

    def note(self, text: str) -> None:
        """Take a line and drop it."""

    @contextmanager
    def track(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """Return a context that shows nothing."""
        yield lambda done, total: None
