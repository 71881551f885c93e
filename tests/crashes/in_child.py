"""One command in a child of a fork server that has loaded the heavy libraries, as its globals say.

In FOLDER it runs the command line ARGUMENTS.

With KILL_AT n the process kills itself with SIGKILL just before its n-th change of a file, folder or name; without,
it writes down how many such changes there were.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

ARGUMENTS: list[str] = globals()["ARGUMENTS"]
FOLDER: str = globals()["FOLDER"]
KILL_AT: int = globals()["KILL_AT"]
assert globals()["HEAVY"] in sys.modules, "the fork server has loaded nothing"

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link")
done = 0
lock = threading.Lock()


def count(event: str, arguments: tuple[Any, ...]) -> None:
    """Count what changes the disk, and die before the one that is meant."""
    global done
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in CHANGES or (writes and not str(arguments[0]).startswith(("/dev", "/proc"))):
        with lock:
            done += 1
            if done == KILL_AT:
                os.kill(os.getpid(), signal.SIGKILL)


os.chdir(FOLDER)
for descriptor, name in ((1, "stdout"), (2, "stderr")):
    os.dup2(os.open(f"{name}.txt", os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o666), descriptor)
sys.argv = ["tlk", *ARGUMENTS]
sys.addaudithook(count)

import tlk.training.checkpoint  # noqa: E402
from tlk.cli.main import main  # noqa: E402

tlk.training.checkpoint.SAVE_SECONDS = 0.0  # these trainings are short: a state after each epoch
try:
    main()
finally:
    changes, KILL_AT = done, 0
    Path("changes.txt").write_text(str(changes))
