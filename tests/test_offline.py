"""TLK_OFFLINE=1 stops every look-up and connection beyond this machine, whoever makes it."""

import os
import subprocess
import sys

import pytest

CODE = """
import socket, sys, urllib.request
from tlk.errors import UserError
from tlk.offline import guard_network
guard_network()
here = socket.create_server(("127.0.0.1", 0))
socket.create_connection(here.getsockname()).close()
socket.getaddrinfo("localhost", 80)
socket.gethostbyname("localhost")
loose = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
loose.sendto(b"", here.getsockname())
tries = [
    lambda: socket.getaddrinfo("tlk.invalid", 80),
    lambda: socket.create_connection(("192.0.2.1", 9), timeout=0.01),
    lambda: socket.create_connection(("2001:db8::1", 9), timeout=0.01),
    lambda: urllib.request.urlopen("http://tlk.invalid/"),
    lambda: socket.gethostbyname("tlk.invalid"),
    lambda: print("tried") if loose.sendto(b"", ("192.0.2.1", 9)) == 0 else None,
    lambda: print("tried") if loose.sendmsg([b""], [], 0, ("192.0.2.1", 9)) == 0 else None,
]
for attempt in tries:
    try:
        attempt()
    except UserError as error:
        print("refused", str(error).splitlines()[0])
    except OSError as error:
        print("tried")
"""


@pytest.mark.parametrize(("setting", "word"), [("1", "refused"), ("0", "tried")])
def test_only_this_machine_is_reached(setting: str, word: str) -> None:
    """In a process of its own: Python never forgets an audit hook."""
    proxies = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
    given = os.environ | proxies | {"TLK_OFFLINE": setting}
    done = subprocess.run([sys.executable, "-c", CODE], env=given, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [word] * 7
    if word == "refused":
        assert lines[0] == "refused tlk.invalid would be asked, and TLK_OFFLINE=1 forbids it"
