"""Locks: one process at a time, who uses what, and life without them."""

import errno
import os
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import pytest

from tlk import locks

HOLD = """
import sys
from pathlib import Path
from tlk.locks import owned
with owned(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    order: list[str] = []
    with locks.locked(tmp_path / "lock"):
        waiting = threading.Thread(target=lambda: _append(tmp_path / "lock", order, "second"))
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def _append(path: Path, order: list[str], word: str) -> None:
    with locks.locked(path):
        order.append(word)


def hold_elsewhere(path: Path) -> subprocess.Popen[str]:
    """Own a file or folder in another process, until it is told to end."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"
    return other


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_another_process_owns_nobody_else_does_until_it_ends(kind: str, tmp_path: Path) -> None:
    place = tmp_path / kind
    assert not locks.is_in_use(place)  # it does not exist
    place.write_text("") if kind == "file" else place.mkdir()
    assert not locks.is_in_use(place)
    with hold_elsewhere(place) as other:
        assert locks.is_in_use(place)
        with locks.owned(place) as mine:
            assert not mine
        place.rename(tmp_path / "renamed")  # it stays owned
        assert locks.is_in_use(tmp_path / "renamed")
        other.communicate("")
    with locks.owned(tmp_path / "renamed") as mine:
        assert mine


def test_what_has_gone_cannot_be_owned(tmp_path: Path) -> None:
    with locks.owned(tmp_path / "gone") as mine:
        assert not mine


def test_a_killed_process_owns_nothing(tmp_path: Path) -> None:
    with hold_elsewhere(tmp_path) as other:
        with locks.abandoned(tmp_path) as free:
            assert not free
        other.kill()
        other.communicate()
        with locks.abandoned(tmp_path) as free:
            assert free


def test_without_locks_nothing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    file = tmp_path / "file"
    with locks.locked(file), locks.locked(file), locks.owned(file) as mine:
        assert mine
        assert not locks.is_in_use(file)


@pytest.mark.parametrize("there_are_locks", [True, False])
def test_where_nothing_can_be_locked_age_tells_what_is_abandoned(
    there_are_locks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    without = types.SimpleNamespace(flock=flock, LOCK_EX=2, LOCK_NB=4) if there_are_locks else None
    monkeypatch.setattr(locks, "fcntl", without)
    for name, age, expected in (("new", 0, False), ("old", 2 * 3600, True)):
        (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
        with locks.abandoned(tmp_path / name) as free:
            assert free == expected
    with locks.abandoned(tmp_path / "gone") as free:
        assert not free
    with locks.owned(tmp_path / "new") as mine:
        assert mine
