"""The three standard streams: there may be none, and whoever read one may have gone."""

import os
import sys
from contextlib import suppress
from typing import Literal, TextIO

_FLAGS = (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)


def open_missing() -> None:
    """Let streams that the caller has closed lead nowhere: else the next files to be opened would take their places.

    Notes would then be written into these files, or, as Python prints for want of stderr, among the results.
    """
    for number, flags in enumerate(_FLAGS):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest number that is free, so this one
    if sys.stdin is None:
        sys.stdin = _nowhere("r")
    if sys.stdout is None:
        sys.stdout = _nowhere("w")
    if sys.stderr is None:
        sys.stderr = _nowhere("w")


def give_up(stream: TextIO) -> None:
    """Let what is still to be written to `stream` lead nowhere: the reader of a pipe has seen enough."""
    with suppress(OSError, ValueError):
        place = os.open(os.devnull, os.O_WRONLY)
        os.dup2(place, stream.fileno())
        os.close(place)


def _nowhere(mode: Literal["r", "w"]) -> TextIO:
    return open(os.devnull, mode, encoding="utf-8")  # as long as the process lives
