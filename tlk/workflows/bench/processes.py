"""Two processes under torchrun, beside one that is kept to a single core."""

import re
import sys
import tempfile
from pathlib import Path

from tlk.errors import UserError
from tlk.processes import cores
from tlk.workflows.bench.measure import Row, run_program

_ON_ONE_CORE = """
import os, runpy
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
runpy.run_module("tlk", None, "__main__")
"""


def processes(data: Path, backbone: str) -> list[Row]:
    """Return the comparison on the images of the competition in the folder `data`: by the time spent on embedding.

    Raises:
        UserError: the machine has a single core, or cannot keep a process to one.
    """
    if cores() < 2 or sys.platform != "linux":
        raise UserError("tlk bench processes: it needs Linux and two cores\nleave it out")
    words = ["embed", "--data", str(data), "--backbone", backbone]
    alone, alone_whole = _embed([sys.executable, "-c", _ON_ONE_CORE, *words])
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "tlk", "--"]
    two, two_whole = _embed([*launcher, *words])
    note = f"start-up counted: {two_whole:.1f} s beside {alone_whole:.1f} s"
    return [Row("processes", "tlk embed, two processes", two, "one process on one core", alone, None, note)]


def _embed(command: list[str]) -> tuple[float, float]:
    """Return the seconds that the slowest process spent on embedding, and those of the whole command, cold."""
    with tempfile.TemporaryDirectory() as cache:
        whole, _, printed = run_program(command, {"TLK_CACHE": cache})
    return max(float(seconds) for seconds in re.findall(r"computed in ([\d.]+) s", printed)), whole
