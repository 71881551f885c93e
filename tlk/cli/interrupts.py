"""Ctrl-C ends a command wherever it comes: what libraries swallow while they are loaded is said again.

Python raises KeyboardInterrupt in whatever is running, and code that was not made for it, in C above all, drops it, or
turns it into an error of its own.
"""

import _thread
import signal
import sys
import threading
import time
from types import FrameType

_MAIN = threading.main_thread().ident or 0
_AGAIN = 1.0  # seconds until an interruption that had no effect is repeated
_pressed = _repeated = _over = False


def listen() -> None:
    """From now on let Ctrl-C interrupt this process, which runs one command."""
    signal.signal(signal.SIGINT, _interrupt)
    sys.unraisablehook = _unraisable


def stop() -> None:
    """The command is done: pressed now, the process ends without a word; pressed again, it keeps its exit code."""
    global _over
    _over = True
    signal.signal(signal.SIGINT, signal.SIG_IGN if _pressed else signal.SIG_DFL)


def was_pressed() -> bool:
    """Return whether there was an interruption, whatever became of it."""
    return _pressed


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _pressed, _repeated
    repeated, _repeated = _repeated, False
    if repeated and _is_on_its_way():
        return
    if not _pressed:
        _pressed = True
        _thread.start_new_thread(_repeat, ())  # no lock of `threading`: this may be anywhere
    raise KeyboardInterrupt


def _repeat() -> None:
    global _repeated
    while True:
        time.sleep(_AGAIN)
        if _over:  # an interruption would now end the process with another exit code
            return
        _repeated = True
        if hasattr(signal, "pthread_kill"):  # which also wakes who waits
            signal.pthread_kill(_MAIN, signal.SIGINT)
        else:
            _thread.interrupt_main()


def _is_on_its_way() -> bool:
    """Return whether somebody is clearing up because of an interruption now."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _unraisable(fault: "sys.UnraisableHookArgs") -> None:
    """Say nothing of an interruption where none can be raised, as while an object is removed: it comes again."""
    if not isinstance(fault.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(fault)
