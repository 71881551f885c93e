"""`tlk cache`: what there is, and that pruning forgets what is gone and nothing else."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlk.cli.main import run
from tlk.data.competition import Competition
from tlk.embeddings.embed import fill
from tlk.embeddings.views import View
from tlk.workflows import cache
from tlk.workflows.workspace import Workspace

VIEW = View("toy", (("weights", "1"),))
HOURS = 2 * 3600


class Toy:
    """One view: the colour."""

    batch_size = 3
    parallel = 1
    identity = "toy"
    places = (0,)
    views = (VIEW,)

    def prepare(self, image: np.ndarray) -> Any:
        return image[0, 0].astype(np.float32)

    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        return [np.stack(prepared)]


def draw(place: Path, *numbers: int) -> Path:
    """Draw images into the four folders of a competition."""
    for number in numbers:
        file = place / ("train", "test")[number % 2] / ("left", "right")[number // 2 % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, number, 1)).save(file)
    return place


def pack(folder: Path) -> Path:
    """Replace a folder by a zip in which it lies one level down."""
    target = folder.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as packed:
        packed.writestr("deep/train.csv", "left,right\n")
        for file in folder.rglob("*.png"):
            packed.write(file, f"deep/{file.relative_to(folder)}")
    shutil.rmtree(folder)
    return target


def put(data: Path) -> None:
    """Embed all images, and keep their pixels, as commands do."""
    workspace = Workspace.here(data)
    competition = workspace.competition()
    fill(Toy(), workspace.reader(competition, passes=2), competition.image_paths(), workspace.store())


def held(data: Path) -> list[bool]:
    """Return whether each image is in the store, by path."""
    competition = Competition(data)
    keys = Workspace.here(data).reader(competition, passes=1).keys(competition.image_paths())
    return (~Workspace.here().store().missing(VIEW, keys)).tolist()


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(["cache", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(["cache", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert len(message.splitlines()) <= 3
    return message


def age(path: Path) -> Path:
    os.utime(path, (time.time() - HOURS,) * 2)
    return path


@pytest.fixture
def here(workspace_folder: Path) -> Path:
    """Two data sets, one a zip, embedded into one cache."""
    put(draw(workspace_folder / "one", 0, 1, 2, 3))
    put(pack(draw(workspace_folder / "two", 4, 5, 6)))
    return workspace_folder


@pytest.mark.parametrize("there", [True, False])
def test_an_empty_cache_is_said_in_one_line(
    workspace_folder: Path, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    if there:
        (workspace_folder / ".tlk").mkdir()
    assert run(["cache"]) == 0
    assert capsys.readouterr().out == "the cache .tlk is empty\n"
    assert listed(capsys) == {
        "cache": ".tlk", "views": [], "pixels": [], "exports": [], "leftovers": 0, "sources": [], "size": 0,
    }  # fmt: skip
    assert listed(capsys, "--prune") == {"vectors": 0, "images": 0, "freed": 0}
    assert (workspace_folder / ".tlk").exists() == there


def test_the_list_has_views_pixels_and_exports(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = here / ".tlk" / "exports" / "abcd" / "graph.xml"
    graph.parent.mkdir(parents=True)
    graph.write_bytes(b"x" * 5000)
    (here / ".tlk" / "pixels" / "former").mkdir()
    (here / ".tlk" / "pixels" / "former" / "a.data.npy").write_bytes(b"x" * 3000)
    (here / ".tlk" / "pixels" / "former" / "a.index.npy").write_bytes(b"x" * 300)
    found = listed(capsys)
    ((view,), (export,)) = found["views"], found["exports"]
    assert (view["name"], view["vectors"]) == ("toy", 7)
    assert {pixels["images"]: pixels["size"] for pixels in found["pixels"]}[None] == 3300
    assert {pixels["images"] for pixels in found["pixels"]} == {7, None}
    assert export == {"name": "abcd", "size": 5000}
    assert found["sources"] == [str(here / "one"), str(here / "two.zip")]
    files = [path for path in (here / ".tlk").rglob("*") if path.is_file() and path.suffix in (".npy", ".xml")]
    assert found["size"] == sum(path.stat().st_size for path in files)
    assert (here / ".tlk" / "pixels" / "former" / "a.index.npy").exists()  # looked at, not opened
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["cache"]) == 0
    printed = capsys.readouterr().out
    rows = {line.split("  ")[0].strip(): line.split() for line in printed.splitlines()}
    assert rows["toy"][1] == "7"
    assert rows["decoded images"][2] == "7"
    assert rows["exported network abcd"][-2:] == ["4.9", "KiB"]
    assert rows["together"][-1] == "KiB"
    assert f"{here}/one" in printed


def test_sources_are_remembered_once_by_every_command_that_fills_the_cache(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(here / "data", 7)
    os.symlink(here / "data", here / "link")
    before = (here / ".tlk" / "sources.json").stat().st_ino
    put(Path("one"))
    put(here / "." / "one")
    assert (here / ".tlk" / "sources.json").stat().st_ino == before  # nothing new: not written
    assert run(["embed", "--recipe", "descriptors", "--device", "cpu"]) == 0
    assert run(["embed", "--recipe", "descriptors", "--device", "cpu", "--data", "link"]) == 0
    assert listed(capsys)["sources"] == [str(here / name) for name in ("one", "two.zip", "data")]
    monkeypatch.setenv("TLK_CACHE", str(here / "elsewhere"))
    assert listed(capsys)["sources"] == []


def test_sources_that_two_processes_remember_at_once_are_all_there(workspace_folder: Path) -> None:
    places = [workspace_folder / str(number) for number in range(24)]

    def work(mine: list[Path]) -> None:
        for place in mine:
            Workspace.here().remember(place)

    threads = [threading.Thread(target=work, args=(places[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(Workspace.here().sources()) == sorted(map(str, places))


def test_a_cache_that_cannot_be_written_to_still_serves(workspace_folder: Path) -> None:
    (workspace_folder / ".tlk").write_text("in the way")
    data = Workspace.here(draw(workspace_folder / "one", 0))
    assert len(list(data.reader(data.competition(), passes=1).images(["train/left/0.png"]))) == 1


def test_pruning_forgets_what_is_gone_and_nothing_else(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = listed(capsys)["size"]
    assert listed(capsys, "--prune") == {"vectors": 0, "images": 0, "freed": 0}
    assert listed(capsys)["size"] == size
    (here / "one" / "train" / "left" / "0.png").unlink()
    Image.new("RGB", (8, 8), (77, 0, 0)).save(here / "one" / "test" / "left" / "1.png")  # another image now
    os.rename(here / "one" / "test" / "right", here / "aside")  # image 3, which comes again elsewhere
    (here / "one" / "train" / "left" / "again.png").write_bytes((here / "aside" / "3.png").read_bytes())
    pruned = listed(capsys, "--prune")
    after = listed(capsys)
    assert (pruned["vectors"], pruned["images"]) == (2, 2)
    assert after["size"] < size
    assert pruned["freed"] == size - after["size"]
    assert (after["views"][0]["vectors"], after["pixels"][0]["images"]) == (5, 5)
    assert held(here / "two.zip") == [True] * 3
    assert held(here / "one") == [True, True, False]  # again, 2, the new 1
    assert run(["cache", "--prune"]) == 0
    assert capsys.readouterr().out == ".tlk: 0 vectors and 0 decoded images forgotten, 0 bytes became free\n"


@pytest.mark.parametrize("emptied", [True, False])
def test_a_source_that_is_gone_is_forgotten_only_when_asked(
    here: Path, capsys: pytest.CaptureFixture[str], emptied: bool
) -> None:
    draw(here / "three", 8)
    put(here / "three")
    for place in ("one", "three"):
        shutil.rmtree(here / place)
    if emptied:
        (here / "one").mkdir()  # a disk that is not mounted leaves its folder
    message = refused(capsys, "--prune")
    assert f"--forget {here}/one --forget {here}/three" in message
    assert f"--forget {here}/three" in refused(capsys, "--prune", "--forget", "one")
    assert listed(capsys)["views"][0]["vectors"] == 8
    assert len(listed(capsys)["sources"]) == 3  # refused: not even the one that was named
    arguments = ["--prune", "--forget", "one", "--forget", str(here / "three")]
    assert listed(capsys, *arguments)["vectors"] == 5
    assert listed(capsys)["sources"] == [str(here / "two.zip")]
    assert held(here / "two.zip") == [True] * 3


def test_what_is_forgotten_may_be_there_still(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, "--prune", "--forget", "two.zip", "--forget", "one") == {
        "vectors": 7, "images": 7, "freed": pytest.approx(0, abs=10**9),
    }  # fmt: skip
    assert listed(capsys)["views"] == listed(capsys)["sources"] == []


def test_the_data_that_are_named_count_too(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / ".tlk" / "sources.json").unlink()  # as an older version left it
    assert "nothing says whose images .tlk holds" in refused(capsys, "--prune")
    assert "does not exist" in refused(capsys, "--prune", "--data", "nowhere")
    (here / "bare").mkdir()
    assert "has no images" in refused(capsys, "--prune", "--data", "bare")
    assert listed(capsys)["views"][0]["vectors"] == 7
    assert listed(capsys, "--prune", "--data", "one")["vectors"] == 3
    assert listed(capsys)["sources"] == [str(here / "one")]
    monkeypatch.setenv("TLK_DATA", "one")
    assert listed(capsys, "--prune")["vectors"] == 0
    assert held(here / "one") == [True] * 4


def test_data_that_have_moved_keep_their_vectors(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.rename(here / "one", here / "new")
    assert listed(capsys, "--prune", "--data", "new", "--forget", "one")["vectors"] == 0
    assert listed(capsys, "--prune")["vectors"] == 0
    assert held(here / "new") == [True] * 4


def test_the_default_data_count_where_they_are(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(here / "data", 0)
    Workspace.here().forget({str(here / "one")})
    assert listed(capsys, "--prune")["vectors"] == 3
    assert held(here / "data") == [True]


def test_options_that_say_nothing_are_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "belong to --prune" in refused(capsys, "--data", "one")
    assert "belong to --prune" in refused(capsys, "--forget", "one")
    message = refused(capsys, "--prune", "--forget", "three")
    assert "three" in message
    assert f"it knows {here}/one; {here}/two.zip" in message


@pytest.mark.parametrize("text", ["{", "{}", "[1]"])
def test_damaged_sources_are_said_and_nothing_is_forgotten(
    here: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (here / ".tlk" / "sources.json").write_text(text)
    assert "cannot read .tlk/sources.json" in refused(capsys, "--prune")
    put(here / "one")  # goes on
    assert held(here / "one") == [True] * 4


def test_an_image_that_cannot_be_read_stops_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (here / "two.zip").open("r+b") as file:
        file.seek(80)
        file.write(b"damage" * 20)
    assert "two.zip" in refused(capsys, "--prune")
    assert listed(capsys)["views"][0]["vectors"] == 7


def test_what_killed_writers_left_is_removed_once_it_is_old(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = here / ".tlk"
    (folder,) = (place / "vectors").iterdir()
    (pixels,) = (place / "pixels").iterdir()
    (place / "exports" / ".export-old").mkdir(parents=True)
    (place / "exports" / ".export-old" / "graph.bin").write_bytes(b"x" * 100)
    (place / "exports" / ".export-new").mkdir()
    old = [folder / "f00d.data.npy", folder / ".f00d.index.npy.abc.tmp", pixels / "f00d.data.npy"]
    old += [place / ".sources.json.abc.tmp"]
    new = [folder / "beef.data.npy", folder / ".beef.data.npy.abc.tmp", place / ".other.tmp"]
    for path in (*old, *new):
        path.write_bytes(b"x" * 100)
    for path in (*old, place / "exports" / ".export-old", place / ".other.tmp", *folder.glob("*.index.npy")):
        age(path)
    (place / "pixels" / "former").mkdir()
    (place / "pixels" / "former" / "a.data.npy").write_bytes(b"x" * 3000)
    assert listed(capsys)["leftovers"] == 500
    assert listed(capsys, "--prune") == {"vectors": 0, "images": 0, "freed": 3400}  # sources are not of the cache
    assert not any(path.exists() for path in (*old, place / "exports" / ".export-old", place / "pixels" / "former"))
    assert all(path.exists() for path in (*new, place / "exports" / ".export-new"))
    assert held(here / "one") == [True] * 4


def test_what_another_process_embeds_meanwhile_stays(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(here / "three", 8, 9)
    keys = cache._keys

    def slow_keys(*arguments: Any) -> np.ndarray:
        put(here / "three")  # the sources have been read
        return keys(*arguments)

    (here / "one" / "train" / "left" / "0.png").unlink()
    monkeypatch.setattr(cache, "_keys", slow_keys)
    assert listed(capsys, "--prune")["vectors"] == 1
    assert held(here / "three") == [True, True]
    assert listed(capsys, "--prune") == {"vectors": 0, "images": 0, "freed": 0}


def test_it_loads_no_torch(here: Path) -> None:
    for arguments in (["cache"], ["cache", "--prune"]):
        code = f"import sys; from tlk.cli.main import run; print(run({arguments!r})); print('torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-2:] == ["0", "False"]
