"""Ctrl-C that a library swallows comes again; while somebody clears up because of it, it does not."""

import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("pressed_in", ["find_spec", "main"])
def test_code_made_from_text_leaves_the_exit_code_as_it_is(pressed_in: str, tmp_path: Path) -> None:
    """Interrupted in such code (named tuples, data classes), `python -m` ended by the signal now and then."""
    (tmp_path / "pressing.py").write_text(f"""
import sys
import tlk.__main__

class Pressing:
    @staticmethod
    def find_spec(name, *_):  # while the command line is loaded
        if name == "tlk.cli":
            press()

    @staticmethod
    def main():  # while a command runs
        try:
            press()
        except KeyboardInterrupt:
            sys.exit(130)

def press():
    exec("import signal; signal.raise_signal(signal.SIGINT)")

if "{pressed_in}" == "main":
    sys.modules["tlk.cli.main"] = Pressing
else:
    sys.meta_path.insert(0, Pressing)
tlk.__main__.main()
""")
    done = subprocess.run([sys.executable, "-m", "pressing"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
