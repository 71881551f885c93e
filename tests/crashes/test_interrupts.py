"""Ctrl-C: one line, exit code 130, and what was complete is kept; wherever it comes, in a progress bar or an import."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crashes.conftest import SECONDS

pytestmark = pytest.mark.slow

INTERRUPTED = "error: interrupted; what was complete is kept"
NETWORK = """
name = "network"
summary = "A small network from pixels: it has a state after the first epoch."
source = "made for this test"
pixels = { size = 16 }
model = { name = "convnet", filters = [4], kernels = [3], dense = [8] }
loss = { name = "triplet" }
training = { epochs = 6, batch_size = 8, patience = 6 }
"""


@pytest.fixture
def here(competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("COLUMNS", raising=False)
    Path("network.toml").write_text(NETWORK)
    return workspace_folder


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tlk", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def interrupt_when(process: subprocess.Popen[str], ready: Callable[[], bool]) -> str:
    """Press Ctrl-C as soon as it is time, and return what was said; the exit code must be 130."""
    deadline = time.monotonic() + SECONDS
    try:
        while not ready():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=SECONDS)[1]
    finally:
        process.kill()
    assert process.returncode == 130, said
    return said


def loaded(process: subprocess.Popen[str], library: str) -> bool:
    """Return whether a process has begun to load a library."""
    return library in Path(f"/proc/{process.pid}/maps").read_text()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux shows what a process has loaded")
@pytest.mark.parametrize("library", ["_random", "_multiarray_umath", "libtorch_cpu", "libtorch_python"])
def test_in_an_import(library: str, here: Path) -> None:
    """The first one is loaded before there is a command, the second one drops an interruption now and then."""
    if library in sys.builtin_module_names:
        pytest.skip("this Python has it built in")
    process = start("train", "thumbnail")
    assert interrupt_when(process, lambda: loaded(process, library)) == f"{INTERRUPTED}\n"
    assert not Path("runs").exists()


def test_in_a_training_and_on_with_it(here: Path) -> None:
    states = Path("runs/network.partial/fold1/state/training")
    process = start("train", "network.toml")
    said = interrupt_when(process, lambda: any(states.glob("state-*")))
    assert said.splitlines()[-1] == INTERRUPTED
    assert "Traceback" not in said
    assert any(states.glob("state-*"))
    done = Path("runs/network.partial/fold0/model.safetensors").stat().st_mtime_ns
    assert (
        subprocess.run([sys.executable, "-m", "tlk", "train", "network.toml", "--resume"], check=False).returncode == 0
    )
    assert Path("runs/network/fold0/model.safetensors").stat().st_mtime_ns == done
    assert [path.name for path in Path("runs").iterdir()] == ["network"]


def test_in_embed_and_predict(here: Path, tiny_backbone: Path) -> None:
    process = start("embed", "--backbone", f"local-dir:{tiny_backbone}")
    said = interrupt_when(process, lambda: any(Path(".tlk").glob("exports/*/graph.xml")))
    assert said.splitlines()[-1] == INTERRUPTED
    assert not list(Path(".tlk").rglob("*.tmp"))
    assert subprocess.run([sys.executable, "-m", "tlk", "train", "thumbnail"], check=False).returncode == 0
    before = sorted(Path(".tlk").rglob("*"))
    process = start("predict", "thumbnail")
    said = interrupt_when(process, lambda: loaded(process, "libtorch_python"))
    assert said.splitlines()[-1] == INTERRUPTED
    assert not Path("submissions").exists()
    assert sorted(Path(".tlk").rglob("*")) == before


def test_on_a_terminal_in_a_progress_bar(here: Path) -> None:
    """The key itself, pressed on a terminal: the cursor comes back, and the line stands by itself."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "tlk", "train", "network.toml"])
    shown, pressed, deadline = b"", False, time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if select.select([terminal], [], [], 1.0)[0]:
                shown += os.read(terminal, 65536)
        except OSError:  # the other end has been closed
            break
        if not pressed and re.search(rb"training 1 of 5.*loss", shown):
            os.write(terminal, b"\x03")
            pressed = True
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    text = shown.decode()
    assert re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", text).endswith(f"\r\n{INTERRUPTED}\r\n")
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "Traceback" not in text
    assert json.loads(Path("runs/network.partial/inputs.json").read_text())
