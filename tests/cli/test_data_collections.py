"""`tlk data nga`, `tlk data painters` and `tlk data pairs` as they are typed."""

import csv
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tlk.cli.main import run
from tlk.data.collection import Collection
from tlk.data.standins import draw_nga, draw_painters

FAST = ("--per-second", "1000")


class Museum(SimpleHTTPRequestHandler):
    """Serves the stand-in's images, and notes who asks."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.headers["User-Agent"])
        super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def opendata(workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The stand-in in the current folder, its images served on this machine, for whose sake the network is allowed."""
    monkeypatch.delenv("TLK_OFFLINE", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(Museum, "asked", [], raising=False)
    handler = partial(Museum, directory=str(workspace_folder / "opendata"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        draw_nga(Path("opendata"), f"http://127.0.0.1:{server.server_port}/iiif", sitters=8, seed=1)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Path("opendata")
        server.shutdown()
        thread.join()


def nga(*arguments: str) -> int:
    return run(["data", "nga", "--opendata", "opendata", "--out", "portraits", *FAST, *arguments])


def numbers(printed: str) -> dict[str, list[int]]:
    """The rows of a table as printed: numbers by what they count."""
    found = (re.fullmatch(r" (\S.*?)((?: +[\d,]+)+) *", line) for line in printed.splitlines())
    return {row[1]: [int(cell.replace(",", "")) for cell in row[2].split()] for row in found if row}


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_from_the_open_data_to_pairs(opendata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nga("--theme", "portrait", "--views", "all", "--download", "--contact", "me@example.org") == 0
    told = capsys.readouterr()
    counts = numbers(told.out)
    collection = Collection(Path("portraits"))
    assert list(counts)[:3] == ["objects", "terms", "published images"]
    assert counts["images to take"] == counts["of them there"] == [len(collection)]
    assert len(collection) == len(Museum.asked) > 20
    assert all("me@example.org" in agent and agent.startswith("tlk/") for agent in Museum.asked)
    assert told.out.rstrip().endswith("next: tlk data pairs portraits")
    assert told.err == ""
    assert run(["data", "pairs", "portraits", "--rules", "artist, sitter", "--split", "50/25/25"]) == 0
    told = capsys.readouterr()
    counts, pairs, parts = numbers(told.out), table("portraits/pairs.csv"), table("portraits/parts.csv")
    assert [f"{rule}, {part}" for rule in ("artist", "sitter") for part in ("train", "validation", "test")] == list(
        counts
    )
    for name, number in counts.items():
        found = [row["match"] for row in pairs if f"{row['rule']}, {row['part']}" == name]
        assert number == [found.count("1"), found.count("0")]
    images = [[row["part"] for row in parts].count(part) for part in ("train", "validation", "test")]
    groups = {row["id"]: row["group"] for row in parts}
    assert "images: {} for train, {} for validation, {} for test; ".format(*images) in told.out
    assert f"in {len(set(groups.values()))} groups" in told.out
    assert groups["0"] == groups["4582030750001"]  # one picture, two objects
    assert "left out" not in told.out


def test_what_is_missing_and_how_to_get_it(opendata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nga() == 0
    told = capsys.readouterr()
    missing = numbers(told.out)["images to take"][0]
    assert (
        f"{missing} images are missing: --download gets them; their addresses are in portraits/downloads.csv"
        in told.out
    )
    assert "next:" not in told.out
    assert len(table("portraits/downloads.csv")) == missing
    assert Museum.asked == []
    assert run(["data", "pairs", "portraits"]) == 2
    assert capsys.readouterr().err == (
        "error: portraits has no images yet\nget them: tlk data nga … --download, or tlk data painters\n"
    )
    assert nga("--limit", "2", "--download") == 0
    capsys.readouterr()
    assert nga() == 0
    assert f"{missing - 2} images are missing" in (printed := capsys.readouterr().out)
    assert "next: tlk data pairs portraits" in printed


def test_what_could_not_be_downloaded_is_said_and_the_rest_is_there(
    opendata: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nga() == 0
    lost = table("portraits/downloads.csv")[0]
    capsys.readouterr()
    shutil.rmtree(opendata / "iiif" / lost["url"].split("/iiif/")[1].split("/")[0])
    assert nga("--download", "--json") == 0
    told = capsys.readouterr()
    document = json.loads(told.out)
    total = document["counted"]["images to take"]
    assert document["counted"]["of them there"] == total - 1
    (failure,) = document["failures"]
    assert failure["url"] == lost["url"]
    assert failure["file"] == f"portraits/images/{lost['id']}.jpg"
    assert "404" in failure["why"]
    what = f"1 of {total} images could not be downloaded: why stands in portraits/failures.csv"
    assert what in told.err.splitlines()[-1]
    assert [row["url"] for row in table("portraits/failures.csv")] == [lost["url"]]
    assert len(Museum.asked) == total
    assert nga("--download") == 0  # goes on with what is missing
    told = capsys.readouterr()
    assert len(Museum.asked) == total + 1
    assert what in told.err
    assert "--download gets them" not in told.out


def test_media_are_taken_on_demand(opendata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert nga("--images", "media", "--limit", "1", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["counted"]["of them to objects"] > document["counted"]["images to take"] == 1
    assert document["failures"] == []


def test_offline_is_respected(
    workspace_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLK_OFFLINE", "1")
    draw_nga(Path("opendata"), "http://museum.invalid/iiif", sitters=4)
    assert nga("--download") == 2
    assert "TLK_OFFLINE=1 forbids it" in capsys.readouterr().err
    assert not Path("portraits/collection.csv").exists()
    assert nga() == 0


def test_from_the_archives_to_pairs(workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_painters(Path("archives"), artists=8, paintings=4)
    arguments = ["data", "painters", "--archives", "archives", "--out", "paintings", "--size", "64"]
    assert run(arguments) == 0
    told = capsys.readouterr()
    counts, collection = numbers(told.out), Collection(Path("paintings"))
    lost = table("paintings/failures.csv")
    assert counts["written"] == [len(collection)]
    assert counts["rows"] == [len(collection) + len(lost)]
    assert counts["already there"] == [0]
    assert lost
    assert (
        f"{len(lost)} of {counts['rows'][0]} images are not in the collection: why stands in paintings/failures.csv"
        in told.err
    )
    assert "next: tlk data pairs paintings" in told.out
    assert run([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["written"], document["already_there"]) == (0, len(collection))
    split = ["--unseen", "25", "--balance", "smallest", "--per-image", "2", "--seed", "3", "--json"]
    assert run(["data", "pairs", "paintings", "--disjoint", "style", *split]) == 0
    document = json.loads(capsys.readouterr().out)
    assert set(document) == {"images", "left_out", "groups", "pairs"}
    assert sum(document["images"].values()) + document["left_out"] == len(collection)
    assert document["left_out"] > 0
    assert [(row["rule"], row["part"]) for row in document["pairs"]] == [
        ("artist", part) for part in ("train", "validation", "test")
    ]
    assert sum(row["matched"] + row["unmatched"] for row in document["pairs"]) == len(table("paintings/pairs.csv"))
    assert run(["data", "pairs", "paintings", "--balance", "2"]) == 0
    assert " left out; in " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nga", "--opendata", "none", "--out", "out"], "none has no objects.csv, nor objects.zip"),
        (["nga", "--out", "out"], "--opendata"),
        (["nga", "--opendata", "none"], "--out"),
        (["nga", "--opendata", "none", "--out", "out", "--size", "9"], "--size"),
        (["nga", "--opendata", "none", "--out", "out", "--images", "all"], "--images"),
        (["nga", "--opendata", "none", "--out", "out", "--limit", "0"], "--limit"),
        (["nga", "--opendata", "none", "--out", "out", "--per-second", "0"], "above 0"),
        (["nga", "--opendata", "none", "--out", "out", "--concurrency", "99"], "--concurrency"),
        (["nga", "--opendata", "none", "--out", "out", "--contact", "ä"], "plain ASCII"),
        (["painters", "--archives", "none", "--out", "out"], "none has neither all_data_info.csv"),
        (["painters", "--archives", "none", "--out", "out", "--size", "0"], "--size"),
        (["pairs", "none"], "none does not exist"),
        (["pairs", "."], "has no collection.csv"),
        (["pairs", ".", "--split", "60/40"], "--split 60/40"),
        (["pairs", ".", "--seed", "-1"], "--seed"),
        (["pairs"], "DIR"),
    ],
)
def test_faults_end_in_a_message(
    arguments: list[str], message: str, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["data", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert message in told.err
    assert len(told.err.splitlines()) <= 3
    assert list(workspace_folder.iterdir()) == []


def test_help_names_the_rules_and_loads_nothing_heavy() -> None:
    heavy = "[name for name in ('torch', 'timm', 'numpy', 'cv2', 'httpx', 'PIL') if name in sys.modules]"
    calls = "; ".join(f"print(run(['data', '{name}', '--help']))" for name in ("nga", "painters", "pairs"))
    code = f"import sys; from tlk.cli.main import run; {calls}; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    told = " ".join(done.stdout.split())
    assert "artist, sitter, title, series, style, genre, terms, object; '+' joins" in told
