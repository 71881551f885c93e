"""Images from the web: a few at a time, each checked before it gets its name, so that a second call resumes."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from tlk.data.fetch import Fetcher, is_on_this_machine
from tlk.data.politeness import Clock, Manners, Pace, StoppedError
from tlk.errors import UserError, printable
from tlk.files import replacing
from tlk.offline import is_offline

__all__ = ["Failure", "Manners", "Wanted", "download"]

POLITE = Manners()
_CLOCK = Clock()
_FAREWELL = 10.0  # seconds: what a thread needs at most to clear up, unless it is still looking for its server


@dataclass(frozen=True)
class Wanted:
    """An image: where it is, and where it is to lie."""

    url: str
    path: Path


@dataclass(frozen=True)
class Failure:
    """An image that did not come, and why."""

    url: str
    path: Path
    why: str


def download(
    wanted: Sequence[Wanted],
    manners: Manners = POLITE,
    progress: Callable[[int, int], None] | None = None,
    *,
    clock: Clock = _CLOCK,
) -> list[Failure]:
    """Fetch what is not there yet; return what failed, in the order of `wanted`.

    A file gets its name only once it came whole and was decoded, so one that is there is not asked for again. What
    several are to hold comes once. Of several with one path the first counts. `progress` is told, in the calling
    thread, how many are done, and of how many. Whatever is raised, also by `progress`, ends all requests and leaves no
    file in part.

    Raises:
        UserError: TLK_OFFLINE=1 forbids it, a file cannot be written, or the connection cannot be set up.
    """
    by_path: dict[Path, Wanted] = {}
    for one in wanted:
        by_path.setdefault(one.path, one)
    missing = [one for one in by_path.values() if not os.path.isfile(one.path)]
    away = [one for one in missing if not is_on_this_machine(one.url)]
    if away and is_offline():
        raise UserError(f"{len(away):,} images would be downloaded, and TLK_OFFLINE=1 forbids it\nunset it first")
    report = progress or (lambda done, total: None)
    report(len(by_path) - len(missing), len(by_path))
    failures: dict[Path, Failure] = {}
    with _outcomes(missing, manners, clock) as outcomes:
        for done in range(len(by_path) - len(missing) + 1, len(by_path) + 1):
            outcome = outcomes.get()
            if isinstance(outcome, BaseException):
                raise outcome
            if isinstance(outcome, Failure):
                failures[outcome.path] = outcome
            report(done, len(by_path))
    return [failures[path] for path in by_path if path in failures]


@contextmanager
def _outcomes(
    missing: Sequence[Wanted], manners: Manners, clock: Clock
) -> Iterator["SimpleQueue[Failure | BaseException | None]"]:
    """Fetch in threads; yield the queue of what became of each. On leaving, all of it ends at once."""
    by_url: dict[str, list[Wanted]] = {}
    for one in missing:
        by_url.setdefault(one.url, []).append(one)
    todo: SimpleQueue[list[Wanted]] = SimpleQueue()
    for same in by_url.values():
        todo.put(same)
    outcomes: SimpleQueue[Failure | BaseException | None] = SimpleQueue()
    pace = Pace(manners.per_second, clock)
    with Fetcher(manners, pace) as fetcher:
        # Not an executor: the interpreter waits for an executor's threads, however long they take to find a server.
        threads = [
            threading.Thread(target=_work, args=(fetcher, todo, outcomes), daemon=True)
            for _ in range(min(manners.concurrency, len(by_url)))
        ]
        try:
            for thread in threads:
                thread.start()
            yield outcomes
        finally:
            pace.stop()
            fetcher.hang_up()
            last = time.monotonic() + _FAREWELL
            for thread in threads:
                if thread.ident is not None:  # it was started
                    thread.join(max(0.0, last - time.monotonic()))


def _work(
    fetcher: Fetcher, todo: "SimpleQueue[list[Wanted]]", outcomes: "SimpleQueue[Failure | BaseException | None]"
) -> None:
    try:
        while True:
            same = todo.get_nowait()
            why = fetcher.fetch(same[0].url, same[0].path)
            for one in same:
                if why is None and one is not same[0]:
                    with same[0].path.open("rb") as come, replacing(one.path) as file:
                        shutil.copyfileobj(come, file)
                outcomes.put(Failure(one.url, one.path, printable(why)) if why else None)
    except (Empty, StoppedError):
        return
    except BaseException as error:  # is raised again in the calling thread
        outcomes.put(error)
