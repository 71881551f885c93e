"""One image over HTTP: asked for, streamed beside its place, checked, renamed into place; and asked for again."""

import socket
import threading
import weakref
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import httpx

from tlk.data.images import decode_image
from tlk.data.politeness import Manners, Pace, back_off, retry_after
from tlk.data.source import MAX_FILE_BYTES
from tlk.errors import UserError
from tlk.files import in_bytes, replacing
from tlk.offline import OFFLINE, is_offline

MAX_REDIRECTS = 10
LONGEST_FILE = 900.0  # seconds for one answer: the largest scan takes a minute on a slow line
_TRY_AGAIN = frozenset({408, 425, 429, *range(500, 600)})
_TOO_BUSY = frozenset({429, 503})


class _RefusedError(Exception):
    """Asking again would not help."""


class _PassingError(Exception):
    """Asking again may help: after `wait` seconds if the server said so, and for all threads if it is too busy."""

    def __init__(self, why: str, wait: float | None = None, too_busy: bool = False) -> None:
        super().__init__(why)
        self.wait = wait
        self.too_busy = too_busy


class Fetcher:
    """A client that all threads share.

    Raises:
        UserError: the settings for proxies or certificates cannot be used.
    """

    def __init__(self, manners: Manners, pace: Pace) -> None:
        self._manners = manners
        self._pace = pace
        self._checking = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._sockets_lock = threading.Lock()
        self._hung_up = False
        self._late = threading.local()  # `at`: when this thread's answer has taken too long
        # An image is compressed already: encoded once more, its length would say nothing of what came.
        headers = {"User-Agent": manners.user_agent, "Accept": "image/*", "Accept-Encoding": "identity"}
        try:
            self._client = httpx.Client(
                headers=headers, timeout=manners.timeout, limits=httpx.Limits(max_connections=manners.concurrency)
            )
        except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:
            remedy = "look at the settings HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
            raise UserError(f"cannot set up the connection: {error}\n{remedy}") from error

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def fetch(self, url: str, path: Path) -> str | None:
        """Bring the image at `url` to `path`; return None, or why it did not come.

        Raises:
            UserError: the place cannot be written to.
            StoppedError: it is not wanted any more.
        """
        tries = 0
        while True:
            try:
                with closing(self._answer(url)) as response:
                    _check_status(response)
                    self._save(response, path)
                return None
            except (_RefusedError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                return str(error)
            except UnicodeError:  # from the look-up of its host
                return "its address has no host that could exist"
            except (_PassingError, httpx.TransportError, httpx.DecodingError) as error:
                tries += 1
                self._give_way(error, tries)
                if tries > self._manners.retries:
                    return self._explain(error) + (f" (tried {tries} times)" if tries > 1 else "")

    def hang_up(self) -> None:
        """Break all connections, so that no thread goes on waiting for an answer; call once the pace is stopped."""
        with self._sockets_lock:
            self._hung_up = True
            for connected in self._sockets:
                _shut(connected)

    def _answer(self, url: str) -> httpx.Response:
        """Return the answer, its content still to be read, after following redirects, each of which is a request."""
        request = self._client.build_request("GET", url, extensions={"trace": self._note_socket})
        for _ in range(MAX_REDIRECTS + 1):
            if request.url.scheme not in ("http", "https") or not request.url.host:
                raise _RefusedError(
                    f"{str(request.url)[:200]!r} is not an address that begins with http:// or https://"
                )
            if is_offline() and not is_on_this_machine(str(request.url)):
                raise _RefusedError(f"{OFFLINE}=1 forbids it")
            self._pace.turn()
            self._late.at = self._pace.now() + LONGEST_FILE
            response = self._client.send(request, stream=True)
            if response.next_request is None:
                return response
            response.close()
            request = response.next_request
        raise _RefusedError(f"redirected more than {MAX_REDIRECTS} times")

    def _note_socket(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            stream.read = partial(self._read_in_time, stream.read)
            connected = stream.get_extra_info("socket")
            with self._sockets_lock:
                self._sockets.add(connected)
                if self._hung_up:
                    _shut(connected)

    def _read_in_time(self, read: Callable[..., bytes], *arguments: Any, **options: Any) -> bytes:
        """Read from a server that may never be silent for long, and never done: with its headers, or with the image."""
        self._pace.check()
        if self._pace.now() > self._late.at:
            raise _PassingError(f"not complete after {LONGEST_FILE:g} seconds")
        return read(*arguments, **options)

    def _save(self, response: httpx.Response, path: Path) -> None:
        # That as much comes as Content-Length says is seen to by the client: it raises when a connection ends early.
        if int(response.headers.get("Content-Length", 0)) > MAX_FILE_BYTES:
            raise _RefusedError(_too_large())
        with ExitStack() as until_renamed, replacing(path) as file:
            size = 0
            for chunk in response.iter_bytes():
                self._pace.check()
                size += len(chunk)
                if size > MAX_FILE_BYTES:
                    raise _RefusedError(_too_large())
                file.write(chunk)
            # One at a time: decoded, the largest scans take half a gigabyte each.
            until_renamed.enter_context(self._checking)
            self._pace.check()
            _check_content(file, response.headers.get("Content-Type", ""))

    def _give_way(self, error: Exception, tries: int) -> None:
        """Wait before the next try; where the server is too busy, let all threads wait, also after the last try."""
        wait = getattr(error, "wait", None)
        seconds = back_off(tries) if wait is None else wait
        if getattr(error, "too_busy", False):
            self._pace.hold(seconds)
        elif tries <= self._manners.retries:
            self._pace.rest(seconds)

    def _explain(self, error: Exception) -> str:
        if isinstance(error, httpx.TimeoutException):
            return f"silence for {self._manners.timeout:g} seconds"
        if isinstance(error, httpx.TransportError | httpx.DecodingError):
            return f"the connection failed: {error or type(error).__name__}"
        return str(error)


def _shut(connected: socket.socket) -> None:
    with suppress(OSError):  # it was closed already
        # A TLS socket's own shutdown would change it under the thread that reads.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _check_status(response: httpx.Response) -> None:
    if response.status_code == 200:
        return
    why = f"the server answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.status_code not in _TRY_AGAIN:
        raise _RefusedError(why)
    wait = retry_after(response.headers.get("Retry-After"), response.headers.get("Date"))
    raise _PassingError(why, wait, response.status_code in _TOO_BUSY)


def _check_content(file: BinaryIO, kind: str) -> None:
    file.flush()
    with open(file.fileno(), "rb", closefd=False) as written:
        written.seek(0)
        data = written.read()
    try:
        decode_image(data, "what came")
    except UserError as error:
        sent_as = "" if kind.startswith("image/") else f" (sent as {kind[:60] or 'nothing in particular'})"
        raise _PassingError(str(error).splitlines()[0] + sent_as) from error


def is_on_this_machine(url: str) -> bool:
    """Return whether an address is of this machine: that needs no network."""
    try:
        return urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    except ValueError:  # what is no address is refused when it is asked for
        return False


def _too_large() -> str:
    return f"larger than {in_bytes(MAX_FILE_BYTES)}"
