"""What several tests of the data share."""

import importlib.util
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tlk.data.politeness import Clock


@pytest.fixture
def iiif_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A museum's image server on this machine, for whose sake the network is allowed."""
    spec = importlib.util.spec_from_file_location("iiif_server", Path(__file__).with_name("iiif_server.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delenv("TLK_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = module.IiifServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.close()
    thread.join()
    assert not server.faults


class QuickClock(Clock):
    """Goes forward by what is slept, and takes no time."""

    def __init__(self) -> None:
        self.time = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float, unless: threading.Event) -> None:
        with self._lock:
            self.time += seconds


@pytest.fixture
def quick_clock() -> QuickClock:
    """A clock for which nobody waits."""
    return QuickClock()
