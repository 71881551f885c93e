"""TLK_OFFLINE=1: whatever a library may think of, nothing leaves this machine."""

import os
import sys
from typing import Any

from tlk.errors import UserError

OFFLINE = "TLK_OFFLINE"
_HERE = ("localhost", "ip6-localhost", "::1", "::", "0.0.0.0", "")  # noqa: S104  # names of this machine, none is bound
_SENT = ("socket.connect", "socket.sendto", "socket.sendmsg")
_LOOKED_UP = ("socket.getaddrinfo", "socket.gethostbyname")


def is_offline() -> bool:
    """Return whether the network is forbidden."""
    return os.environ.get(OFFLINE) == "1"


def guard_network() -> None:
    """If TLK_OFFLINE=1, refuse every look-up and connection beyond this machine from now on.

    Python tells its audit hooks of both before they happen; what they raise stops it.
    """
    if is_offline():
        sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _SENT and isinstance(arguments[1], tuple):  # a path is of this machine
        host = arguments[1][0]
    elif event in _LOOKED_UP:
        host = arguments[0]
    else:
        return
    name = host.decode(errors="replace") if isinstance(host, bytes) else host or ""
    if name not in _HERE and not name.startswith("127."):
        raise UserError(f"{name} would be asked, and {OFFLINE}=1 forbids it\nunset it first")
