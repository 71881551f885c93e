"""Turns, waits and what servers say about them."""

import re
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tlk import __version__
from tlk.data.politeness import LONGEST_WAIT, Clock, Manners, Pace, StoppedError, back_off, retry_after, user_agent
from tlk.errors import UserError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_turns_are_spaced_out(quick_clock: Any) -> None:
    pace = Pace(4.0, quick_clock)
    times = []
    for _ in range(5):
        pace.turn()
        times.append(quick_clock.now())
    assert times == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_time_not_used_is_not_saved_up_for_a_burst(quick_clock: Any) -> None:
    pace = Pace(4.0, quick_clock)
    quick_clock.time = 100.0
    pace.turn()
    pace.turn()
    assert quick_clock.now() == pytest.approx(100.25)


def test_threads_share_the_rate(quick_clock: Any) -> None:
    pace = Pace(10.0, quick_clock)
    threads = [threading.Thread(target=lambda: [pace.turn() for _ in range(10)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert quick_clock.now() >= 3.9 - 1e-9


def test_who_waits_for_a_turn_already_is_held_up_too() -> None:
    class Interrupted(Clock):
        time = 0.0

        def now(self) -> float:
            return self.time

        def sleep(self, seconds: float, unless: threading.Event) -> None:
            if self.time == 0:
                pace.hold(60)  # as another thread would meanwhile
            self.time += seconds

    clock = Interrupted()
    pace = Pace(1.0, clock)
    pace.turn()
    pace.turn()
    assert clock.time == pytest.approx(60)


def test_a_shorter_hold_does_not_end_a_longer_one(quick_clock: Any) -> None:
    pace = Pace(1.0, quick_clock)
    pace.hold(60)
    pace.hold(5)
    pace.turn()
    assert quick_clock.now() == pytest.approx(60)


def test_stopping_ends_a_wait_and_allows_no_more_turns() -> None:
    asleep = threading.Event()
    ended = []

    class Real(Clock):
        def sleep(self, seconds: float, unless: threading.Event) -> None:
            asleep.set()
            super().sleep(seconds, unless)

    pace = Pace(0.001, Real())
    pace.turn()

    def wait() -> None:
        try:
            pace.turn()
        except StoppedError:
            ended.append(True)

    thread = threading.Thread(target=wait)
    thread.start()
    assert asleep.wait(10)
    pace.stop()
    thread.join(10)
    assert ended
    with pytest.raises(StoppedError):
        pace.turn()


def test_back_off_doubles_with_jitter_up_to_a_minute() -> None:
    for tries, longest in ((1, 1), (2, 2), (5, 16), (9, 60), (5000, 60)):
        waits = [back_off(tries) for _ in range(50)]
        assert all(longest / 2 <= wait <= longest for wait in waits)
        assert len(set(waits)) > 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 7 ", 7),
        ("86400", LONGEST_WAIT),
        ("9" * 5000, LONGEST_WAIT),
        (format_datetime(NOON + timedelta(seconds=42), usegmt=True), 42),
        ("Sunday, 01-Mar-26 12:00:42 GMT", 42),
        (format_datetime(NOON - timedelta(days=1), usegmt=True), 0),
        (format_datetime(NOON + timedelta(days=1), usegmt=True), LONGEST_WAIT),
        ("Sun, 01 Mar 2026 12:00:42 -0000", 42),
        (None, None),
        ("", None),
        ("-3", None),
        ("1.5", None),
        ("soon", None),
        ("Sun, 99 Mar 2026 12:00:42 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, format_datetime(NOON, usegmt=True)) == seconds


def test_a_date_without_the_servers_own_is_read_by_our_clock() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=200), usegmt=True)
    assert 100 < (retry_after(soon) or 0) <= 200


def test_the_user_agent_says_who_asks() -> None:
    assert re.match(rf"tlk/{re.escape(__version__)} \(.*images\)$", Manners().user_agent)
    assert user_agent("keeper@museum.example").endswith("; keeper@museum.example)")


@pytest.mark.parametrize(
    "setting",
    [
        {"concurrency": 0},
        {"per_second": 0.0},
        {"per_second": float("nan")},
        {"retries": -1},
        {"timeout": 0.0},
        {"user_agent": "two\nlines"},
        {"user_agent": user_agent("Zoë")},
        {"user_agent": " "},
    ],
)
def test_manners_that_cannot_be(setting: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"as with --per-second|for --contact, too"):
        Manners(**setting)
