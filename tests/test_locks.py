"""Locks: one process at a time, who uses what, and life without them."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tlk import locks

HOLD = """
import sys
from pathlib import Path
from tlk.locks import in_use
with in_use(Path(sys.argv[1])):
    print("held", flush=True)
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


def test_use_by_another_process_is_seen_until_it_ends(tmp_path: Path) -> None:
    file = tmp_path / "file"
    assert not locks.is_in_use(file)  # it does not exist
    file.write_text("")
    assert not locks.is_in_use(file)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert locks.is_in_use(file)
        with locks.in_use(file):  # several may use it
            other.communicate("")
            assert locks.is_in_use(file)
    assert not locks.is_in_use(file)


def test_without_locks_nothing_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "fcntl", None)
    file = tmp_path / "file"
    with locks.locked(file), locks.locked(file), locks.in_use(file):
        assert file.exists()
        assert not locks.is_in_use(file)
