"""A museum's image server on this machine, which answers as it is told: well, late, in part, not at all."""

import gzip
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Request:
    """What was asked for, by whom, and when by the server's clock."""

    name: str
    user_agent: str
    at: float


class IiifServer(ThreadingHTTPServer):
    """Serves /iiif/NAME/full/!512,512/0/default.jpg; each image has a list of answers, of which the last stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.now: Callable[[], float] = lambda: 0.0
        self.requests: list[Request] = []
        self.at_a_time = 0
        self.most_at_a_time = 0
        self.stalled = threading.Semaphore(0)  # released by each answer that begins to keep its client waiting
        self.closing = threading.Event()  # what such answers wait for
        self.together = threading.Barrier(2, timeout=10)
        self.faults: list[BaseException | None] = []
        self.lock = threading.Lock()
        self._answers: dict[str, list[str]] = {}

    def image(self, name: str, *answers: str) -> str:
        """Return the address of an image that is answered so: see `_Handler`; by default `good`."""
        self._answers[name] = list(answers or ("good",))
        return f"{self.address}/iiif/{name}/full/!512,512/0/default.jpg"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked(self) -> list[str]:
        """Return the names of the images in the order of the requests."""
        return [request.name for request in self.requests]

    def take(self, name: str, user_agent: str) -> str:
        """Note a request; return the answer it is to have."""
        with self.lock:
            self.at_a_time += 1
            self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
            self.requests.append(Request(name, user_agent, self.now()))
            answers = self._answers.get(name, ["good"])
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def leave(self) -> None:
        """Note that an answer is on its way: its client may ask anew before the handler is through."""
        with self.lock:
            self.at_a_time -= 1

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong, but for clients that hang up."""
        import sys

        if not isinstance(error := sys.exc_info()[1], ConnectionError):
            self.faults.append(error)

    def close(self) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()


def picture(name: str) -> bytes:
    """Return the JPEG that the server has under a name."""
    pixels = np.random.default_rng(list(name.encode())).integers(0, 256, (48, 64, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: IiifServer

    def do_GET(self) -> None:
        self.name = self.path.split("/")[2]
        answer, _, detail = self.server.take(self.name, self.headers["User-Agent"]).partition(" ")
        if answer == "together":
            self.server.together.wait()
            self.server.closing.wait(0.02)  # long enough for one too many to be noticed
        self.server.leave()
        self.body = picture(self.name)
        getattr(self, f"answer_{answer}")(*([detail] if detail else []))

    def log_message(self, *message: Any) -> None:
        pass

    def reply(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": "image/jpeg", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def answer_good(self) -> None:
        self.reply(200, self.body)

    answer_together = answer_good

    def answer_slow(self) -> None:
        self.reply(200, b"", len(self.body))
        for start in range(0, len(self.body), 500):
            self.server.closing.wait(0.01)
            self.wfile.write(self.body[start : start + 500])

    def answer_babble(self) -> None:
        """One promise after the other that an answer will come."""
        self.drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer_drip(self) -> None:
        """Headers without an end."""
        self.drip(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n")

    def drip(self, start: bytes, piece: bytes) -> None:
        self.close_connection = True
        self.wfile.write(start)
        for _ in range(500):  # the longest time is over by then
            self.server.closing.wait(0.01)
            self.wfile.write(piece)

    def answer_stalls(self) -> None:
        self.reply(200, self.body[:1000], len(self.body))
        self.answer_silence()

    def answer_silence(self) -> None:
        self.close_connection = True
        self.server.stalled.release()
        self.server.closing.wait(30)

    def answer_status(self, status: str) -> None:
        code, _, wait = status.partition(" ")
        self.reply(int(code), b"no", Content_Type="text/plain", **({"Retry_After": wait} if wait else {}))

    def answer_truncated(self) -> None:
        self.close_connection = True
        self.reply(200, self.body[:1000], len(self.body))

    def answer_boasts(self) -> None:
        self.close_connection = True
        self.reply(200, self.body[:1000], 10**12)

    def answer_cut(self) -> None:
        """Half of it, and no length that would tell."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()
        self.wfile.write(self.body[: len(self.body) // 2])

    def answer_unmeasured(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(self.body), 1000):
            piece = self.body[start : start + 1000]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def answer_html(self) -> None:
        self.reply(200, b"<html><body>Please accept our cookies.</body></html>", Content_Type="text/html")

    def answer_escape(self) -> None:
        self.reply(200, b"red", Content_Type="text/\x1b[31m")

    def answer_empty(self) -> None:
        self.reply(200, b"")

    def answer_corrupt(self) -> None:
        self.reply(200, self.body[:200] + bytes(len(self.body) - 200))

    def answer_zipped(self) -> None:
        self.reply(200, gzip.compress(self.body), Content_Encoding="gzip")

    def answer_redirect(self, location: str) -> None:
        self.reply(302, b"", Location=location)

    def answer_loop(self) -> None:
        self.reply(302, b"", Location=self.path)
