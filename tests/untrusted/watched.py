"""Run commands of `tlk` and write down every try to reach another machine: `python watched.py LOG < commands.json`.

Prints one JSON document a command: its words, its exit code, what it said on stderr. Processes that it forks are
watched, too: they write into the same file.
"""

import contextlib
import io
import json
import os
import sys
from typing import Any

HERE = ("localhost", "127.0.0.1", "::1", "", "0.0.0.0", "::")


def watch(log: int) -> None:
    """Have Python tell of look-ups, connections and datagrams before they happen."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("socket.getaddrinfo", "socket.gethostbyname"):
            place = arguments[0]
        elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
            place = arguments[1][0]
        else:
            return
        name = place.decode() if isinstance(place, bytes) else place or ""
        if name not in HERE:
            os.write(log, f"{event} {name}\n".encode())

    sys.addaudithook(note)


def main() -> None:
    """Run each command in this one process."""
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    watch(log)
    from tlk.cli.main import run
    from tlk.offline import guard_network

    guard_network()
    for words in json.load(sys.stdin):
        os.write(log, f"# {' '.join(words)}\n".encode())
        out, said = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            code = run(words)
        print(json.dumps({"words": words, "code": code, "said": said.getvalue()}), flush=True)


if __name__ == "__main__":
    main()
