"""Commands in processes of their own, quickly: forked from a server that has loaded the heavy libraries once."""

import multiprocessing
import os
import runpy
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

import pytest

SCRIPT = Path(__file__).with_name("in_child.py")
SECONDS = 240  # far more than any command needs


class Start(Protocol):
    """Starts a command in a folder; `kill_at` n: it kills itself before its n-th change of the disk."""

    def __call__(self, folder: Path, *arguments: str, kill_at: int = 0) -> BaseProcess: ...


@pytest.fixture(scope="session")
def server() -> Iterator[Start]:
    """What starts a command, before the first of which the libraries are loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.crashes.heavy"])

    def start(folder: Path, *arguments: str, kill_at: int = 0) -> BaseProcess:
        given = {"ARGUMENTS": list(arguments), "FOLDER": str(folder), "KILL_AT": kill_at}
        process = context.Process(target=runpy.run_path, args=(str(SCRIPT), given))
        process.start()
        started.append(process)
        return process

    started: list[BaseProcess] = []
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"  # the server has its environment from here
    yield start
    os.environ.pop("OMP_NUM_THREADS") if before is None else os.environ.update(OMP_NUM_THREADS=before)
    for process in started:
        process.kill()
        process.join()
