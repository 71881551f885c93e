"""Where the time of a training goes."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

WAITING = "waiting for data"
MOVING = "moving it to the device"
FORWARD = "forward and loss"
BACKWARD = "backward"
STEPPING = "optimiser step"
VALIDATING = "validating"
MINING = "mining negatives"
PARTS = (WAITING, MOVING, FORWARD, BACKWARD, STEPPING, VALIDATING, MINING)
WHOLE = "whole"
REST = "the rest"


class Profile:
    """Seconds by what they were spent on, summed over trainings; unless it is `detailed`, those of waiting alone.

    To be told apart, one part must have ended on a GPU before the next begins, which takes a little time itself.
    """

    def __init__(self, detailed: bool = False) -> None:
        self.detailed = detailed
        self.seconds = dict.fromkeys((*PARTS, WHOLE), 0.0)

    def of(self, part: str) -> AbstractContextManager[None]:
        """Return a context whose time counts as that of `part`."""
        return self._measured(part) if self.detailed or part == WAITING else nullcontext()

    def move(self, seconds: float, source: str, target: str) -> None:
        """Count as `target` what was measured within `source`."""
        self.seconds[source] -= seconds
        self.seconds[target] += seconds

    def rows(self) -> list[tuple[str, float, float]]:
        """Return name, seconds and share of each part and of the rest; nothing where nothing was trained."""
        whole = self.seconds[WHOLE]
        if not whole:
            return []
        parts = {part: self.seconds[part] for part in PARTS}
        parts[REST] = max(0.0, whole - sum(parts.values()))
        return [(part, seconds, seconds / whole) for part, seconds in parts.items()]

    @contextmanager
    def _measured(self, part: str) -> Iterator[None]:
        started = self._now()
        try:
            yield
        finally:
            self.seconds[part] += self._now() - started

    def _now(self) -> float:
        if self.detailed:
            _finish()
        return time.perf_counter()


def _finish() -> None:
    """Wait until a GPU that is in use has done all that it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()
