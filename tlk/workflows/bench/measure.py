"""How things are measured: in turn, in one run, memory in a process of its own."""

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlk.errors import UserError

_LOOK = 0.005  # seconds between two looks at a program's memory


@dataclass(frozen=True)
class Row:
    """One comparison: seconds for the same work, by tlk and by what stands beside it; peak memory where it was taken.

    `speed_up` is how many times as fast tlk is, or None where nothing stands beside it.
    """

    bench: str
    what: str
    seconds: float
    beside: str = ""
    beside_seconds: float | None = None
    peak_mib: float | None = None
    note: str = ""

    @property
    def speed_up(self) -> float | None:
        """The other's seconds over ours."""
        return None if self.beside_seconds is None else self.beside_seconds / self.seconds


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def run_program(arguments: list[str], environment: Mapping[str, str] | None = None) -> tuple[float, float, str]:
    """Run a program to its end and return its seconds, its peak memory in MiB, and what it printed.

    Raises:
        UserError: it failed.
    """
    started = time.perf_counter()
    peak = 0.0
    with tempfile.TemporaryFile("w+") as output:
        whole = {**os.environ, **(environment or {})}
        with subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT, env=whole) as program:  # noqa: S603
            while program.poll() is None:  # what the parent holds would stand in the child's own account of its peak
                peak = max(peak, _memory("VmHWM", program.pid))
                time.sleep(_LOOK)
        seconds = time.perf_counter() - started
        output.seek(0)
        printed = output.read()
    if program.returncode:
        last = (printed.strip().splitlines() or ["it said nothing"])[-1]
        raise UserError(f"{' '.join(arguments[:6])} … failed: {last[:200]}\nrun it by itself to see why")
    return seconds, peak, printed


def apart(work: str, *arguments: Any) -> dict[str, Any]:
    """Return what the function at `module:name` returns when it is called in a process of its own."""
    command = [sys.executable, "-m", "tlk.workflows.bench.measure", work, json.dumps(arguments)]
    _, _, printed = run_program(command)
    found: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    return found


def grown(work: Callable[[], object]) -> tuple[float, float]:
    """Return how long one call takes, and by how many MiB it raises the memory that this process holds.

    Where there is no /proc the second is 0.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
    before = _memory("VmRSS")
    seconds = seconds_of(work)
    return seconds, _memory("VmHWM") - before


def _memory(what: str, process: int | str = "self") -> float:
    """Return a figure of /proc in MiB; 0 where there is none, or the process has gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{what}:")), 0.0)


if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    print(json.dumps(getattr(importlib.import_module(module), name)(*json.loads(sys.argv[2]))))
