"""Embedding: everything once, nothing twice, and never something stale."""

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlk.data.pixels import PixelCache
from tlk.data.reader import ImageReader
from tlk.data.source import FolderSource
from tlk.embeddings import embed as module
from tlk.embeddings.embed import embed, fill
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import View
from tlk.errors import UserError


class Toy:
    """Two views of an image: its red, and its green and blue. Counts what it computes."""

    batch_size = 3
    parallel = 1

    def __init__(self, weights: str = "1") -> None:
        self.views = (View("red", (("weights", weights),)), View("rest", (("weights", weights),)))
        self.batches: list[int] = []

    def prepare(self, image: np.ndarray) -> Any:
        return image[0, 0].astype(np.float32)

    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        self.batches.append(len(prepared))
        colours = np.stack(prepared)
        return [colours[:, :1], colours[:, 1:]]


SECONDS = 60  # far more than any wait needs
PATHS = [f"{number}.png" for number in range(8)]


@pytest.fixture
def source(tmp_path: Path) -> FolderSource:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(8):
        Image.new("RGB", (2, 2), (number, 10 * number, 5)).save(folder / f"{number}.png")
    (folder / "copy.png").write_bytes((folder / "4.png").read_bytes())
    return FolderSource(folder)


@pytest.fixture
def store(tmp_path: Path) -> VectorStore:
    return VectorStore(tmp_path / "store")


def test_vectors_come_in_the_order_of_the_paths_and_are_computed_once(
    source: FolderSource, store: VectorStore, tmp_path: Path
) -> None:
    toy = Toy()
    paths = ["7.png", "4.png", "copy.png", "0.png", "7.png"]
    for where in (store, store, VectorStore(tmp_path / "store")):  # the last one is another process's
        red, rest = embed(toy, ImageReader(source), paths, where)
        assert red.tolist() == [[7], [4], [4], [0], [7]]
        assert rest.tolist() == [[70, 5], [40, 5], [40, 5], [0, 5], [70, 5]]
    assert toy.batches == [3]


def test_only_what_lacks_is_computed_in_batches_and_progress_counts_it(
    source: FolderSource, store: VectorStore
) -> None:
    toy, steps = Toy(), []
    assert fill(toy, ImageReader(source), PATHS[:2], store) == 2
    assert fill(toy, ImageReader(source), PATHS, store, lambda done, todo: steps.append((done, todo))) == 6
    assert fill(toy, ImageReader(source), [*PATHS, "copy.png"], store) == 0
    assert toy.batches == [2, 3, 3]
    assert steps == [(3, 6), (6, 6)]


def test_one_view_that_lacks_is_enough(source: FolderSource, store: VectorStore) -> None:
    toy = Toy()
    keys = ImageReader(source).keys(PATHS)
    store.append(toy.views[0], keys, np.zeros((8, 1), np.float32))
    assert fill(toy, ImageReader(source), PATHS, store) == 8


def test_other_weights_compute_anew(source: FolderSource, store: VectorStore) -> None:
    embed(Toy("1"), ImageReader(source), PATHS, store)
    other = Toy("2")
    embed(other, ImageReader(source), PATHS, store)
    assert sum(other.batches) == 8


def test_a_file_that_changed_is_computed_anew(source: FolderSource, store: VectorStore) -> None:
    toy = Toy()
    embed(toy, ImageReader(source), PATHS, store)
    (source.location / "0.png").write_bytes((source.location / "7.png").read_bytes())
    Image.new("RGB", (2, 2), (99, 0, 0)).save(source.location / "1.png")
    red, _ = embed(toy, ImageReader(source), PATHS, store)
    assert red.ravel().tolist() == [7, 99, 2, 3, 4, 5, 6, 7]
    assert toy.batches == [3, 3, 2, 1]


def test_what_was_computed_before_a_failure_is_kept(
    source: FolderSource, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHARD_IMAGES", 4)
    (source.location / "6.png").write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"6\.png"):
        fill(Toy(), ImageReader(source), PATHS, store)
    toy = Toy()
    assert fill(toy, ImageReader(source), [path for path in PATHS if path != "6.png"], store) == 3
    assert toy.batches == [3]


def test_pixels_are_kept_for_the_next_pass(source: FolderSource, store: VectorStore, tmp_path: Path) -> None:
    fill(Toy(), ImageReader(source, PixelCache(tmp_path / "pixels", 10**6)), PATHS, store)
    cache = PixelCache(tmp_path / "pixels", 10**6)
    assert all(cache.get(key) is not None for key in ImageReader(source).keys(PATHS).tolist())


def colours(folder: Path, count: int) -> list[str]:
    """Draw so many images that differ, and return their paths."""
    for number in range(count):
        Image.new("RGB", (1, 1), (number, 255 - number, number // 2)).save(folder / f"many{number}.png")
    return [f"many{number}.png" for number in range(count)]


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("stored", [0, 7])
def test_each_of_two_processes_computes_its_share_whichever_begins_later(
    source: FolderSource, store: VectorStore, first: int, stored: int
) -> None:
    paths = colours(source.location, 40)
    fill(Toy(), ImageReader(source), paths[5 : 5 + stored], store)
    toys = {number: Toy() for number in (first, 1 - first)}
    for number, toy in toys.items():  # the second begins when the first has stored its part
        place = VectorStore(store.folder)
        assert fill(toy, ImageReader(source), [*paths, *paths[:3]], place, share=(number, 2)) == sum(toy.batches)
    computed = [sum(toy.batches) for toy in toys.values()]
    assert sum(computed) == 40 - stored
    assert min(computed) > 5  # nobody is idle
    whole = Toy()
    red, _ = embed(whole, ImageReader(source), paths, VectorStore(store.folder))
    assert red.ravel().tolist() == list(range(40))
    assert not whole.batches


def test_processes_that_begin_together_compute_nothing_twice(source: FolderSource, store: VectorStore) -> None:
    paths, toys = colours(source.location, 40), [Toy(), Toy(), Toy()]

    def work(number: int) -> None:
        fill(toys[number], ImageReader(source), paths, VectorStore(store.folder), share=(number, 3))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sum(toy.batches) for toy in toys) == 40
    assert VectorStore(store.folder).contents()[0].vectors == 40


def test_what_will_be_written_is_announced_once_and_before(
    source: FolderSource, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHARD_IMAGES", 3)
    said: list[tuple[int, int]] = []

    def announce(images: int, size: int) -> None:
        assert not store.folder.exists()
        said.append((images, size))

    fill(Toy(), ImageReader(source), PATHS, store, announce=announce)
    assert said == [(8, 8 * 3 * 2)]  # three colours in half precision
    fill(Toy(), ImageReader(source), PATHS, store, announce=announce)
    assert len(said) == 1  # nothing to do, nothing to say
    size = sum(np.load(path).nbytes for path in store.folder.rglob("*.data.npy"))
    assert size == said[0][1]


def test_what_does_not_fit_is_said_before_anything_is_written(
    source: FolderSource, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = Toy()
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=47))
    with pytest.raises(UserError, match=r"48 bytes of vectors do not fit into .*store: 47 bytes are free"):
        fill(toy, ImageReader(source), PATHS, store)
    assert not store.folder.exists()
    assert len(toy.batches) < 3  # known after the first batch, when at most the next one was on its way


class Uneven(Toy):
    """Every second batch of threes is ready only after the next one; in several threads."""

    parallel = 4

    def __init__(self) -> None:
        super().__init__()
        self.ready = [threading.Event() for _ in range(20)]

    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        number = int(prepared[0][0]) // 3
        if number % 2 == 0:
            assert self.ready[number + 1].wait(SECONDS)  # only another thread can set it
        self.ready[number].set()
        return super().compute(prepared)


def test_batches_computed_in_parallel_come_back_in_order(source: FolderSource, store: VectorStore) -> None:
    paths, toy, steps = colours(source.location, 60), Uneven(), list[int]()
    assert fill(toy, ImageReader(source), paths, store, lambda done, todo: steps.append(done)) == 60
    red, rest = embed(Toy(), ImageReader(source), paths, store)
    assert red.ravel().tolist() == list(range(60))
    assert rest[:, 0].tolist() == [255 - number for number in range(60)]
    assert steps == list(range(3, 61, 3))


def test_batches_before_one_that_fails_are_kept_in_parallel_too(
    source: FolderSource, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SHARD_IMAGES", 6)
    paths = colours(source.location, 60)
    (source.location / paths[50]).write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"many50\.png"):
        fill(Uneven(), ImageReader(source), paths, store)
    assert VectorStore(store.folder).contents()[0].vectors == 48


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", [flip, tear])
@pytest.mark.parametrize("view", ["red", "rest"])
def test_a_damaged_store_is_computed_anew(
    source: FolderSource,
    store: VectorStore,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
    view: str,
) -> None:
    expected = embed(Toy(), ImageReader(source), PATHS, store)
    (path,) = (tmp_path / "store").glob(f"{view}-*/*.data.npy")
    damage(path)
    toy = Toy()
    found = embed(toy, ImageReader(source), PATHS, VectorStore(tmp_path / "store"))
    assert all(map(np.array_equal, found, expected))
    assert sum(toy.batches) == 8
    assert "is damaged" in caplog.text


def test_a_store_that_keeps_losing_is_an_error(
    source: FolderSource, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "read", lambda view, keys: None)
    with pytest.raises(UserError, match="the embedding store loses what is written to it\nput the cache elsewhere"):
        embed(Toy(), ImageReader(source), PATHS, store)
