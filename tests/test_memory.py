"""Memory that is freed is used again, where that can be asked for; the peak is known everywhere."""

import ctypes
import platform
import subprocess
import sys

import pytest

from tlk import memory
from tlk.memory import keep_freed_memory, peak_memory_mb

FAULTS = """
import resource, numpy as np
from tlk.memory import keep_freed_memory
{call}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytearray(50_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_large_blocks_are_fetched_once() -> None:
    def counted(call: str) -> int:
        done = subprocess.run([sys.executable, "-c", FAULTS.format(call=call)], capture_output=True, check=True)
        return int(done.stdout)

    assert counted("keep_freed_memory()") < counted("") / 20


def test_a_c_library_without_it_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: None) -> object:
        return object()

    monkeypatch.setattr(ctypes, "CDLL", without)
    keep_freed_memory()


def test_the_peak_in_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    now = psutil.Process().memory_info().rss / 2**20
    assert now * 0.9 < peak_memory_mb() < 100_000
    monkeypatch.setattr(memory, "resource", None)  # Windows
    assert peak_memory_mb() == pytest.approx(now, rel=0.2)
