"""Embedding: everything once, nothing twice, and never something stale."""

from collections.abc import Callable, Sequence
from pathlib import Path
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
