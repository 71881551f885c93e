"""What several tests of files from strangers share."""

import os
from pathlib import Path

import pytest


class Payload:
    """Unpickled, it makes a folder: a stand-in for whatever a stranger would run."""

    def __init__(self, sign: Path) -> None:
        self._sign = str(sign)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self._sign,)


@pytest.fixture
def payload(tmp_path: Path) -> Payload:
    """An object whose pickle runs something."""
    return Payload(tmp_path / "it has run")


@pytest.fixture
def has_run(tmp_path: Path) -> "Path":
    """Where to look whether it did."""
    return tmp_path / "it has run"
