"""Which layers of a network got no weights: timm leaves them random, and says so in its log alone."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def missing_weights() -> Iterator[list[str]]:
    """Give a list that holds, when a network has been loaded within, the names that its weights lack."""
    names: list[str] = []
    logger, listener = logging.getLogger("timm.models._builder"), _Listener(names)
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.INFO)
    logger.propagate = False  # heard here alone: what else it says, such as of keys that are left out, is on purpose
    logger.addHandler(listener)
    try:
        yield names
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
        logger.propagate = propagate


class _Listener(logging.Handler):
    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names = names

    def emit(self, record: logging.LogRecord) -> None:
        found = re.match(r"Missing keys \((.*?)\)", record.getMessage())
        if found is not None:
            self._names += found[1].split(", ")
