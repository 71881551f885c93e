"""Which of several processes this is, as the launcher says it."""

import os
import subprocess
import sys

import pytest

from tlk.processes import cores, local_rank, rank, world_size


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_a_process_alone_is_the_first_of_one() -> None:
    assert (rank(), world_size(), local_rank()) == (0, 1, 0)


def test_the_launcher_says_which_one_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert (rank(), world_size(), local_rank()) == (5, 8, 1)


@pytest.mark.parametrize(("processes", "own"), [(None, 6), ("1", 6), ("2", 3), ("4", 1), ("7", 1)])
def test_the_processes_of_a_machine_share_the_cores_they_may_use(
    monkeypatch: pytest.MonkeyPatch, processes: str | None, own: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 8, 9, 10}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    if processes:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
    assert cores() == own


@pytest.mark.parametrize(("there", "own"), [(8, 4), (None, 1)])
def test_where_the_system_does_not_say_which_cores_it_is_all(
    monkeypatch: pytest.MonkeyPatch, there: int | None, own: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: there)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert cores() == own


@pytest.mark.parametrize(("processes", "said"), [("1", "written\ntorn down\n"), ("2", "written\n")])
def test_one_of_several_processes_leaves_without_tearing_down(processes: str, said: str) -> None:
    program = "import atexit\nfrom tlk.processes import leave\natexit.register(print, 'torn down')\n"
    program += "print('written')\nleave(3)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=os.environ | {"WORLD_SIZE": processes},
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (3, said)
