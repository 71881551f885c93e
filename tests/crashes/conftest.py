"""Commands in processes of their own, quickly: forked from a server that has loaded the heavy libraries once."""

import multiprocessing
import runpy
from collections.abc import Iterator
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("in_child.py")
HEAVY = "tests.crashes.heavy"
SECONDS = 240  # far more than any command needs


class Start(Protocol):
    """Starts a command in a folder; `kill_at` n: it kills itself before its n-th change of the disk."""

    def __call__(self, folder: Path, *arguments: str, kill_at: int = 0) -> BaseProcess: ...


@pytest.fixture(scope="session")
def server() -> Iterator[Start]:
    """What starts a command: the libraries are loaded before the first one."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([HEAVY])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)  # where it finds them
        patch.setenv("OMP_NUM_THREADS", "1")
        forkserver.ensure_running()
    started: list[BaseProcess] = []

    def start(folder: Path, *arguments: str, kill_at: int = 0) -> BaseProcess:
        given = {"ARGUMENTS": list(arguments), "FOLDER": str(folder), "KILL_AT": kill_at, "HEAVY": HEAVY}
        process = context.Process(target=runpy.run_path, args=(str(SCRIPT), given))
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()
