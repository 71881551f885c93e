"""Which of several processes this is, and what of the machine is its own: as torchrun says it in the environment."""

import os
import sys
from typing import NoReturn


def rank() -> int:
    """Return the number of this process among all, from 0."""
    return int(os.environ.get("RANK", "0"))


def world_size() -> int:
    """Return how many processes there are, on all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Return the number of this process among those of its machine, from 0."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def cores() -> int:
    """Return how many processor cores this process may keep busy: its share of those of the machine."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, allowed // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def leave(code: int) -> NoReturn:
    """End this process with an exit code; one of several ends at once, without the interpreter's tearing down.

    Gloo's threads outlive a process group that DistributedDataParallel has used, even a destroyed one, and while the
    interpreter is torn down beneath them they now and then abort the process or let it hang.
    """
    if world_size() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
