"""Downloads from a server that is slow, fails, truncates and lies."""

import io
import re
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import tlk.data.fetch
from tlk.data.download import Failure, Wanted, download
from tlk.data.fetch import LONGEST_FILE, Fetcher
from tlk.data.politeness import Clock, Manners, Pace
from tlk.errors import UserError

BRISK = Manners(concurrency=2, per_second=1000.0)
ALONE = Manners(concurrency=1, per_second=5.0)


def below(folder: Path) -> set[str]:
    """All files, hidden ones too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def wanted(server: Any, folder: Path, **answers: Sequence[str]) -> list[Wanted]:
    return [Wanted(server.image(name, *told), folder / f"{name}.jpg") for name, told in answers.items()]


def one(server: Any, folder: Path, clock: Any, *answers: str, manners: Manners = BRISK) -> str:
    """Why an image with such answers did not come; nothing where it did."""
    failures = download(wanted(server, folder, a=answers), manners, clock=clock)
    assert below(folder) == (set() if failures else {"a.jpg"})
    return failures[0].why if failures else ""


def test_images_come_whole_and_under_their_names(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    images = wanted(iiif_server, tmp_path / "new" / "folder", a=["good"], b=["slow"], c=["unmeasured"], d=["zipped"])
    assert download(images, BRISK, clock=quick_clock) == []
    assert below(tmp_path / "new" / "folder") == {"a.jpg", "b.jpg", "c.jpg", "d.jpg"}
    for image in images:
        with Image.open(io.BytesIO(image.path.read_bytes())) as opened:
            opened.load()
            assert opened.size == (64, 48)
    assert {request.user_agent for request in iiif_server.requests} == {Manners().user_agent}


@pytest.mark.parametrize("answer", ["slow", "babble", "drip"])
def test_a_server_that_drips_is_given_up(iiif_server: Any, tmp_path: Path, answer: str) -> None:
    class Hurrying(Clock):
        """A quarter of the longest time passes between two looks."""

        looks = 0

        def now(self) -> float:
            self.looks += 1
            return self.looks * LONGEST_FILE / 4

    manners = Manners(concurrency=1, per_second=1000.0, retries=0)
    assert one(iiif_server, tmp_path, Hurrying(), answer, manners=manners) == "not complete after 900 seconds"


def test_what_is_there_is_not_asked_for_again(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    images = wanted(iiif_server, tmp_path, a=["good"], b=["status 404", "good"], c=["good"], d=["html", "good"])
    manners = Manners(concurrency=2, per_second=1000.0, retries=0)
    first = download(images, manners, clock=quick_clock)
    assert [failure.path.name for failure in first] == ["b.jpg", "d.jpg"]
    assert below(tmp_path) == {"a.jpg", "c.jpg"}
    iiif_server.requests.clear()
    steps: list[tuple[int, int]] = []
    assert download(images, manners, lambda done, total: steps.append((done, total)), clock=quick_clock) == []
    assert sorted(iiif_server.asked()) == ["b", "d"]
    assert steps == [(2, 4), (3, 4), (4, 4)]
    iiif_server.requests.clear()
    assert download(images, manners, clock=quick_clock) == []
    assert iiif_server.asked() == []


def test_one_path_is_asked_for_once(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    (image,) = wanted(iiif_server, tmp_path, a=["status 404"])
    other = Wanted(iiif_server.image("b"), image.path)
    assert len(download([image, image, other], BRISK, clock=quick_clock)) == 1
    assert iiif_server.asked() == ["a"]


def test_what_several_are_to_hold_comes_once(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    good, bad = iiif_server.image("good"), iiif_server.image("bad", "status 404")
    images = [Wanted(url, tmp_path / f"{name}.jpg") for name, url in zip("abcdef", [good, bad] * 3, strict=True)]
    steps: list[tuple[int, int]] = []
    failures = download(images, BRISK, lambda done, total: steps.append((done, total)), clock=quick_clock)
    assert [failure.path.name for failure in failures] == ["b.jpg", "d.jpg", "f.jpg"]
    assert sorted(iiif_server.asked()) == ["bad", "good"]
    assert below(tmp_path) == {"a.jpg", "c.jpg", "e.jpg"}
    assert len({(tmp_path / f"{name}.jpg").read_bytes() for name in "ace"}) == 1
    assert steps == [(done, 6) for done in range(7)]


def test_failures_stand_in_the_order_of_the_request(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    answers = {name: ["status 404" if name in "aceg" else "good"] for name in "hgfedcba"}
    images = wanted(iiif_server, tmp_path, **answers)
    failures = download(images, BRISK, clock=quick_clock)
    why = "the server answered 404 Not Found"
    assert failures == [Failure(image.url, image.path, why) for image in images if image.path.stem in "aceg"]


@pytest.mark.parametrize("fault", ["status 408", "status 425", "status 429", "status 500", "status 503 7"])
@pytest.mark.parametrize("times", [1, 4])
def test_passing_faults_are_tried_again(
    iiif_server: Any, tmp_path: Path, quick_clock: Any, fault: str, times: int
) -> None:
    assert one(iiif_server, tmp_path, quick_clock, *[fault] * times, "good") == ""
    assert len(iiif_server.requests) == times + 1


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("status 503", r"the server answered 503 Service Unavailable"),
        ("truncated", r"the connection failed: .*received 1000 bytes, expected \d+.*"),
        ("cut", r"cannot decode what came: .*truncated.*"),
        ("corrupt", r"cannot decode what came: .*"),
        ("html", r"cannot decode what came: it is not an image that can be read \(sent as text/html\)"),
        ("escape", r"cannot decode what came: .* \(sent as text/\N{REPLACEMENT CHARACTER}\[31m\)"),
        ("empty", r"cannot decode what came: it is empty"),
    ],
)
def test_faults_that_do_not_pass_are_given_up(
    iiif_server: Any, tmp_path: Path, quick_clock: Any, fault: str, why: str
) -> None:
    assert re.fullmatch(why + r" \(tried 5 times\)", one(iiif_server, tmp_path, quick_clock, fault))
    assert len(iiif_server.requests) == 5
    assert one(iiif_server, tmp_path, quick_clock, fault, "good") == ""


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410])
def test_other_answers_are_final(iiif_server: Any, tmp_path: Path, quick_clock: Any, status: int) -> None:
    assert one(iiif_server, tmp_path, quick_clock, f"status {status}").startswith(f"the server answered {status} ")
    assert len(iiif_server.requests) == 1


def test_silence_is_given_up(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    manners = Manners(per_second=1000.0, retries=1, timeout=0.1)
    why = one(iiif_server, tmp_path, quick_clock, "silence", "stalls", manners=manners)
    assert why == "silence for 0.1 seconds (tried 2 times)"


def test_a_server_that_is_not_there(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (failure,) = download([Wanted(f"http://127.0.0.1:{port}/a.jpg", tmp_path / "a")], BRISK, clock=quick_clock)
    assert re.fullmatch(r"the connection failed: .*refused \(tried 5 times\)", failure.why)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://127.0.0.1/a.jpg", "not an address that begins with http:// or https://"),
        ("", "not an address"),
        ("a.jpg", "not an address"),
        ("http:///a.jpg", "not an address"),
        ("http://127.0.0.1/\n", "non-printable"),
        (f"http://{'a' * 70}.invalid/a.jpg", "no host that could exist"),
    ],
)
def test_addresses_that_are_none(iiif_server: Any, tmp_path: Path, quick_clock: Any, url: str, why: str) -> None:
    (failure,) = download([Wanted(url, tmp_path / "a.jpg")], BRISK, clock=quick_clock)
    assert why in failure.why
    assert "tried" not in failure.why


def test_redirects(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    assert one(iiif_server, tmp_path, quick_clock, f"redirect {iiif_server.image('b')}", manners=ALONE) == ""
    assert iiif_server.asked() == ["a", "b"]
    assert quick_clock.now() == pytest.approx(0.2)  # it counts as a request


@pytest.mark.parametrize(
    ("answer", "why", "requests"),
    [
        ("loop", "redirected more than 10 times", 11),
        ("redirect ftp://127.0.0.1/a.jpg", "ftp://127.0.0.1/a.jpg", 1),
        ("redirect file:///etc/hostname", "not an address", 1),
    ],
)
def test_redirects_that_lead_nowhere(
    iiif_server: Any, tmp_path: Path, quick_clock: Any, answer: str, why: str, requests: int
) -> None:
    assert why in one(iiif_server, tmp_path, quick_clock, answer)
    assert len(iiif_server.requests) == requests


@pytest.mark.parametrize("answer", ["good", "unmeasured", "zipped"])
def test_what_is_too_large_is_refused(
    iiif_server: Any, tmp_path: Path, quick_clock: Any, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    monkeypatch.setattr(tlk.data.fetch, "MAX_FILE_BYTES", 1024)
    assert one(iiif_server, tmp_path, quick_clock, answer) == "larger than 1.0 KiB"
    assert len(iiif_server.requests) == 1


def test_what_calls_itself_too_large_is_not_even_begun(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    assert one(iiif_server, tmp_path, quick_clock, "boasts") == "larger than 256.0 MiB"
    assert len(iiif_server.requests) == 1


def test_scans_are_decoded_one_at_a_time(
    iiif_server: Any, tmp_path: Path, quick_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = threading.Lock()
    alone = []

    def decode(data: bytes, name: str) -> None:
        alone.append(busy.acquire(blocking=False))
        iiif_server.closing.wait(0.01)  # long enough for another to be noticed
        if alone[-1]:
            busy.release()

    monkeypatch.setattr(tlk.data.fetch, "decode_image", decode)
    images = wanted(iiif_server, tmp_path, **{f"n{number}": ["together"] for number in range(8)})
    assert download(images, BRISK, clock=quick_clock) == []
    assert alone == [True] * 8


def test_no_more_at_a_time_than_agreed(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    images = wanted(iiif_server, tmp_path, **{f"n{number}": ["together"] for number in range(12)})
    assert download(images, BRISK, clock=quick_clock) == []  # `together` answers two at a time or never
    assert iiif_server.most_at_a_time == 2


def test_no_more_a_second_than_agreed(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    iiif_server.now = quick_clock.now
    images = wanted(iiif_server, tmp_path, a=["good"], b=["status 404"], c=["good"], d=["good"])
    download(images, ALONE, clock=quick_clock)
    assert [request.at for request in iiif_server.requests] == pytest.approx([0, 0.2, 0.4, 0.6])


def test_threads_share_one_rate(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    images = wanted(iiif_server, tmp_path, **{f"n{number}": ["good"] for number in range(12)})
    assert download(images, Manners(concurrency=4, per_second=2.0), clock=quick_clock) == []
    assert quick_clock.now() >= 5.5 - 1e-9


def test_waits_grow(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    iiif_server.now = quick_clock.now
    assert one(iiif_server, tmp_path, quick_clock, *["status 500"] * 3, "good", manners=ALONE) == ""
    times = [request.at for request in iiif_server.requests]
    for number, longest in enumerate((1.0, 2.0, 4.0)):
        assert longest / 2 <= times[number + 1] - times[number] <= longest


def test_retry_after_is_honoured(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    iiif_server.now = quick_clock.now
    answers = ["status 503 7", "status 500 30", "status 429 9999", "good"]
    assert one(iiif_server, tmp_path, quick_clock, *answers, manners=ALONE) == ""
    assert [request.at for request in iiif_server.requests] == pytest.approx([0, 7, 37, 337])


@pytest.mark.parametrize(("fault", "least", "most"), [("429 30", 30, 30), ("503", 0.5, 1.0), ("500 30", 0.2, 0.2)])
def test_a_busy_server_is_left_alone_by_all(
    iiif_server: Any, tmp_path: Path, quick_clock: Any, fault: str, least: float, most: float
) -> None:
    iiif_server.now = quick_clock.now
    images = wanted(iiif_server, tmp_path, a=[f"status {fault}"], b=["good"])
    download(images, Manners(concurrency=1, per_second=5.0, retries=0), clock=quick_clock)
    assert least - 1e-9 <= iiif_server.requests[1].at <= most + 1e-9


@pytest.mark.parametrize("status", [429, 500])
def test_nobody_waits_after_the_last_try(iiif_server: Any, tmp_path: Path, quick_clock: Any, status: int) -> None:
    one(iiif_server, tmp_path, quick_clock, f"status {status} 30", manners=Manners(retries=0))
    assert quick_clock.now() == 0


@pytest.mark.parametrize("answer", ["stalls", "silence", "status 500 300"])
def test_an_interrupt_ends_everything_at_once(iiif_server: Any, tmp_path: Path, answer: str) -> None:
    images = wanted(iiif_server, tmp_path, a=[answer], **{f"n{number}": ["good"] for number in range(100)})

    def interrupt(done: int, total: int) -> None:
        if done == 1:
            assert answer.startswith("status") or iiif_server.stalled.acquire(timeout=10)
            raise KeyboardInterrupt

    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        download(images, Manners(concurrency=2, per_second=50.0), interrupt)
    assert time.monotonic() - before < 5
    asked = iiif_server.asked()
    assert len(asked) < 100
    assert below(tmp_path) <= {f"{name}.jpg" for name in asked if name != "a"}
    assert not [thread for thread in threading.enumerate() if "_work" in thread.name]


def test_a_connection_made_too_late_is_broken_as_well(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    manners = Manners(retries=0)
    with Fetcher(manners, Pace(1.0, quick_clock)) as fetcher:
        fetcher.hang_up()
        assert "the connection failed" in (fetcher.fetch(iiif_server.image("a"), tmp_path / "a.jpg") or "")
    assert below(tmp_path) == set()


def test_a_place_that_cannot_be_written(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    (tmp_path / "file").write_text("")
    images = wanted(iiif_server, tmp_path, n=["stalls"]) + wanted(iiif_server, tmp_path / "file", a=["good"])
    with pytest.raises(UserError, match=r"cannot write .*a\.jpg"):
        download(images, BRISK, clock=quick_clock)
    assert below(tmp_path) == {"file"}


def test_a_name_that_is_taken_by_a_folder(iiif_server: Any, tmp_path: Path, quick_clock: Any) -> None:
    (tmp_path / "a.jpg").mkdir()
    with pytest.raises(UserError, match="it is not a file"):
        download(wanted(iiif_server, tmp_path, a=["good"]), BRISK, clock=quick_clock)


def test_proxies_that_cannot_be_used(
    iiif_server: Any, tmp_path: Path, quick_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1")
    with pytest.raises(UserError, match=r"cannot set up the connection.*\n.*HTTPS_PROXY"):
        download(wanted(iiif_server, tmp_path, a=["good"]), BRISK, clock=quick_clock)


def test_offline_nothing_is_asked_for(
    iiif_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_clock: Any
) -> None:
    images = [*wanted(iiif_server, tmp_path, a=["good"]), Wanted("https://example.org/b.jpg", tmp_path / "b.jpg")]
    monkeypatch.setenv("TLK_OFFLINE", "1")
    with pytest.raises(UserError, match="1 images would be downloaded, and TLK_OFFLINE=1 forbids it"):
        download(images, BRISK, clock=quick_clock)
    assert iiif_server.asked() == []
    images[1].path.write_bytes(b"there")
    assert download(images, BRISK, clock=quick_clock) == []  # what is on this machine needs no network


def test_offline_no_redirect_leaves_this_machine(
    iiif_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_clock: Any
) -> None:
    monkeypatch.setenv("TLK_OFFLINE", "1")
    assert "TLK_OFFLINE=1" in one(iiif_server, tmp_path, quick_clock, "redirect https://example.org/a.jpg")
