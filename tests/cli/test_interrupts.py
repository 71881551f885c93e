"""Ctrl-C that a library swallows comes again; while somebody clears up because of it, it does not."""

import subprocess
import sys

PROGRAM = """
import signal, time
from tlk.cli import interrupts
interrupts._AGAIN = 0.05
interrupts.listen()
"""


def program(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM + code], capture_output=True, text=True, timeout=60, check=False
    )


def test_what_is_swallowed_comes_again() -> None:
    done = program("""
for _ in range(3):
    try:
        signal.raise_signal(signal.SIGINT) if not interrupts.was_pressed() else time.sleep(60)
    except BaseException as error:
        print(type(error).__name__)
""")
    assert done.stdout.splitlines() == ["KeyboardInterrupt"] * 3, done.stderr


def test_whoever_clears_up_is_left_in_peace() -> None:
    done = program("""
try:
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline:
            pass
        print("cleared")
except KeyboardInterrupt:
    interrupts.stop()
    print("ended")
""")
    assert done.stdout.splitlines() == ["cleared", "ended"], done.stderr


def test_where_python_cannot_raise_it_is_not_shown_and_comes_again() -> None:
    done = program("""
class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
try:
    Dying()
    time.sleep(60)
except KeyboardInterrupt:
    print("ended")
""")
    assert done.stdout.splitlines() == ["ended"]
    assert done.stderr == ""


def test_other_faults_there_are_shown() -> None:
    done = program("""
class Dying:
    def __del__(self):
        raise ValueError("a fault")
Dying()
""")
    assert "ValueError: a fault" in done.stderr
