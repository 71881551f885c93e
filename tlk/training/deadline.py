"""The time that a command may take, shared out among the trainings that it consists of."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tlk.errors import UserError

KEPT = 0.1  # of all the time, for what comes after training: scoring, intervals, the blend


class Deadline:
    """When the training that goes on is to end; without minutes, never.

    Whoever does several things one after another does each within `share`: what one leaves over the later ones have.
    """

    def __init__(self, minutes: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        if minutes is not None and not 0 < minutes < math.inf:
            raise UserError(f"--minutes {minutes:g} is no time to train in\ngive a number above 0")
        self.minutes = minutes
        self.stopped = 0  # trainings that it has ended
        self._clock = clock
        seconds = math.inf if minutes is None else (1 - KEPT) * 60 * minutes
        self._ends = [clock() + seconds]

    def now(self) -> float:
        """Return the seconds on the clock."""
        return self._clock()

    @contextmanager
    def share(self, left: int, after: float = 0.0) -> Iterator[None]:
        """Let what is done inside take an equal share of the time left, with `left` things to do, itself among them.

        `after` are the seconds of its share that are needed when its training is over.
        """
        now = self._clock()
        self._ends.append(now + max(0.0, self._ends[-1] - now) / left - after)
        try:
            yield
        finally:
            self._ends.pop()

    def allows(self, seconds: float) -> bool:
        """Return whether so many seconds more are within the share."""
        return self._clock() + seconds <= self._ends[-1]
