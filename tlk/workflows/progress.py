"""What a workflow tells while it works; the command line shows it, a notebook may do as it likes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Step = Callable[..., None]  # called with (done, total), and if there is more to say a few words
Tracking = AbstractContextManager[Step]


class Reporter(Protocol):
    """Receives notes and progress."""

    def note(self, text: str) -> None:
        """Take one line that the user should see."""

    def track(self, what: str) -> Tracking:
        """Return a context that shows the progress of `what`."""


class Silent:
    """A reporter that tells nothing."""

    def note(self, text: str) -> None:
        """Take a line and drop it."""

    @contextmanager
    def track(self, what: str) -> Iterator[Step]:
        """Return a context that shows nothing."""
        yield lambda done, total, detail="": None
