"""The embedding store: what is not exactly what was asked for does not come back."""

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tlk.data.shards import KEY
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import View

VIEW = View("resnet18 last, 2 × 2 / mirrored", (("weights", "abc"), ("pooling", "mean")))
KEYS = np.array([bytes([number]) * 16 for number in range(1, 7)], KEY)
VECTORS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
HALF = VECTORS.astype(np.float16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with two shards of three vectors."""
    store = VectorStore(tmp_path)
    store.append(VIEW, KEYS[:3], VECTORS[:3])
    store.append(VIEW, KEYS[3:], VECTORS[3:])
    return tmp_path


def test_vectors_come_back_in_the_order_asked_for(folder: Path) -> None:
    for order in ([0, 1, 2, 3, 4, 5], [5, 0, 3, 2, 2, 5], [4]):
        vectors = VectorStore(folder).read(VIEW, KEYS[order])
        assert vectors is not None
        assert vectors.dtype == np.float16
        assert np.array_equal(vectors, HALF[order])


def test_what_was_never_stored_is_missing(folder: Path) -> None:
    store = VectorStore(folder)
    keys = np.array([b"x" * 16, KEYS[0]], KEY)
    assert store.missing(VIEW, keys).tolist() == [True, False]
    assert store.read(VIEW, keys) is None
    assert store.read(VIEW, KEYS[:0]) is None


@pytest.mark.parametrize(
    "other",
    [View(VIEW.name, (("weights", "abd"), ("pooling", "mean"))), View(VIEW.name, ()), View("other", VIEW.made_from)],
)
def test_a_view_made_from_something_else_misses(folder: Path, other: View) -> None:
    store = VectorStore(folder)
    assert store.missing(other, KEYS).all()
    assert store.read(other, KEYS) is None
    store.append(other, KEYS, VECTORS + 1)
    assert np.array_equal(store.read(VIEW, KEYS), HALF)  # type: ignore[arg-type]


def test_the_folder_says_what_it_holds(folder: Path) -> None:
    (place,) = folder.iterdir()
    assert place.name == f"resnet18_last_2_2_mirrored-{VIEW.fingerprint[:16]}"
    said = json.loads((place / "view.json").read_text("utf-8"))
    assert said == {"name": VIEW.name, "made from": {"weights": "abc", "pooling": "mean"}}


def test_vectors_beyond_half_precision_are_clipped_not_infinite(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    store.append(VIEW, KEYS[:1], np.array([[1e9, -1e9, 1.5, 1e-9]], np.float32))
    assert store.read(VIEW, KEYS[:1]).tolist() == [[65504, -65504, 1.5, 0]]  # type: ignore[union-attr]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def tear(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def narrow(path: Path) -> None:
    np.save(path, np.load(path)[:, :3])


def shorten(path: Path) -> None:
    np.save(path, np.load(path)[:2])


def flatten(path: Path) -> None:
    np.save(path, np.load(path).ravel())


def retype(path: Path) -> None:
    np.save(path, np.load(path).view(np.int16))


@pytest.mark.parametrize("damage", [flip, tear, narrow, shorten, flatten, retype])
@pytest.mark.parametrize("shard", [0, 1])
def test_a_damaged_shard_is_named_and_removed_and_its_vectors_are_missing(
    folder: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None], shard: int
) -> None:
    path = sorted(folder.rglob("*.data.npy"))[shard]
    damage(path)
    with caplog.at_level(logging.WARNING, "tlk"):
        store = VectorStore(folder)
        assert store.read(VIEW, KEYS) is None
    assert [record.name for record in caplog.records] == ["tlk"]
    assert path.name.removesuffix(".data.npy") in caplog.text
    assert not path.exists()
    missing = store.missing(VIEW, KEYS)
    assert sorted(missing.tolist()) == [False] * 3 + [True] * 3
    assert np.array_equal(store.read(VIEW, KEYS[~missing]), HALF[~missing])  # type: ignore[arg-type]
    store.append(VIEW, KEYS[missing], VECTORS[missing])
    assert np.array_equal(store.read(VIEW, KEYS), HALF)  # type: ignore[arg-type]


def test_two_stores_write_to_one_folder_at_once(tmp_path: Path) -> None:
    def work(start: int) -> None:
        store = VectorStore(tmp_path)
        for i in range(start, start + 3):
            store.append(VIEW, KEYS[i : i + 1], VECTORS[i : i + 1])

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 3, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.array_equal(VectorStore(tmp_path).read(VIEW, KEYS), HALF)  # type: ignore[arg-type]
