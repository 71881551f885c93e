"""Manners towards the servers that images come from: how many at a time, how often, and how long to wait."""

import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tlk import __version__
from tlk.errors import UserError

LONGEST_WAIT = 300.0  # seconds; a server that asks for more is asked again after these
_LONGEST_BACK_OFF = 60.0


def user_agent(contact: str = "") -> str:
    """Return what tlk calls itself; `contact`, an address or a page, lets a server's keeper complain."""
    return f"tlk/{__version__} (toolkit for image similarity, fetching images{f'; {contact}' if contact else ''})"


@dataclass(frozen=True)
class Manners:
    """How to ask: requests at a time and per second, further tries, seconds of silence before one is given up.

    Raises:
        UserError: a number that cannot be, or a user agent that no header can carry.
    """

    concurrency: int = 4
    per_second: float = 5.0
    retries: int = 4
    timeout: float = 30.0
    user_agent: str = user_agent()

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.retries < 0 or not self.per_second > 0 or not self.timeout > 0:
            numbers = f"{self.concurrency} at a time, {self.per_second:g} a second, {self.retries} retries"
            what = f"cannot download so: {numbers}, {self.timeout:g} seconds of silence"
            raise UserError(f"{what}\ngive numbers above 0, as with --per-second; retries may be 0")
        if not (self.user_agent.isascii() and self.user_agent.isprintable() and self.user_agent.strip()):
            raise UserError(
                f"user agent {self.user_agent!r} cannot be sent\nuse plain ASCII on one line, for --contact, too"
            )


class StoppedError(Exception):
    """The download is being stopped: whatever a thread was about to do, it is not wanted any more."""


class Clock:
    """The time, and waiting for it to pass; tests bring one that takes no time."""

    def now(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float, unless: threading.Event) -> None:
        """Wait, but no longer than until `unless` is set."""
        unless.wait(seconds)


class Pace:
    """Spaces the requests of all threads out, and holds all of them up where a server asks for it."""

    def __init__(self, per_second: float, clock: Clock) -> None:
        self._interval = 1 / per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._free_at = clock.now()

    def turn(self) -> None:
        """Wait until a request may be made.

        Raises:
            StoppedError: none may be made any more.
        """
        while True:
            self.check()
            with self._lock:  # looked at anew after each wait, because `hold` may have put it off meanwhile
                now = self._clock.now()
                wait = self._free_at - now
                if wait <= 0:
                    self._free_at = now + self._interval
                    return
            self._clock.sleep(wait, self._stopped)

    def now(self) -> float:
        """Return seconds since some moment."""
        return self._clock.now()

    def hold(self, seconds: float) -> None:
        """Let nobody make a request for so long."""
        with self._lock:
            self._free_at = max(self._free_at, self._clock.now() + seconds)

    def rest(self, seconds: float) -> None:
        """Wait so long, this thread alone."""
        self._clock.sleep(seconds, self._stopped)

    def stop(self) -> None:
        """End every wait, and allow nothing further."""
        self._stopped.set()

    def check(self) -> None:
        """Raise StoppedError once `stop` was called."""
        if self._stopped.is_set():
            raise StoppedError


def back_off(tries: int) -> float:
    """Return how many seconds to wait after so many failed tries: twice as long each time, never the same for all."""
    longest = min(2.0 ** min(tries - 1, 10), _LONGEST_BACK_OFF)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads the load, keeps no secret


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """Return the seconds that a Retry-After header asks for, `LONGEST_WAIT` at most; None where it says nothing.

    It holds seconds or a date; `date` is the answer's own Date header, by the same clock.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), LONGEST_WAIT)
    until = _moment(value)
    if until is None:
        return None
    now = _moment(date or "") or datetime.now(UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_WAIT)


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
