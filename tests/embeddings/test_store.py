"""The embedding store: what is not exactly what was asked for does not come back."""

import json
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tlk.data.shards import KEY
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import View
from tlk.errors import UserError

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


def test_a_store_touches_no_file_before_it_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        for name in ("glob", "iterdir", "exists", "stat", "open", "mkdir"):
            patched.delattr(Path, name)
        patched.delattr(np, "load")
        store = VectorStore(folder)
        nowhere = VectorStore(folder / "nowhere")
    assert np.array_equal(store.read(VIEW, KEYS), HALF)  # type: ignore[arg-type]
    assert nowhere.contents() == []
    assert nowhere.missing(VIEW, KEYS).all()
    assert not (folder / "nowhere").exists()


def test_the_contents_are_those_of_each_view(folder: Path) -> None:
    store, other = VectorStore(folder), View("another", ())
    store.append(other, KEYS[:2], VECTORS[:2])
    (folder / "empty").mkdir()
    first, second = store.contents()
    assert [(found.view, found.vectors) for found in (first, second)] == [("another", 2), (VIEW.name, 6)]
    for found, view in ((first, other), (second, VIEW)):
        files = list(store.folder_of(view).glob("*.npy"))
        assert found.size == sum(path.stat().st_size for path in files) > found.vectors * 10


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", "7"])
def test_a_view_whose_writer_was_killed_before_it_was_named_is_there(folder: Path, text: str | None) -> None:
    (path,) = folder.rglob("view.json")
    path.unlink() if text is None else path.write_text(text)
    (found,) = VectorStore(folder).contents()
    assert (found.view, found.vectors) == (path.parent.name, 6)
    assert VectorStore(folder).prune([found], KEYS[:0]) == 6


def test_pruning_forgets_all_views_of_an_image_and_no_other(folder: Path) -> None:
    store, other = VectorStore(folder), View("another", ())
    store.append(other, KEYS[:2], VECTORS[:2])
    size = sum(found.size for found in store.contents())
    keep = np.concatenate([KEYS[1:4], np.array([b"x" * 16], KEY)])
    assert store.prune(store.contents(), keep) == 3 + 1
    for reader in (store, VectorStore(folder)):
        assert np.array_equal(reader.read(VIEW, KEYS[[3, 1, 2]]), HALF[[3, 1, 2]])  # type: ignore[arg-type]
        assert reader.missing(VIEW, KEYS).tolist() == [True, False, False, False, True, True]
        assert reader.missing(other, KEYS[:2]).tolist() == [True, False]
    assert sum(found.size for found in store.contents()) < size
    assert store.prune(store.contents(), keep) == 0
    assert store.prune(store.contents(), KEYS[:0]) == 4
    assert store.contents() == []


def test_what_is_stored_after_the_look_at_the_contents_stays(folder: Path) -> None:
    store, later = VectorStore(folder), View("later", ())
    contents = store.contents()
    new = np.array([b"new" + b"-" * 13], KEY)
    for view in (VIEW, later):
        VectorStore(folder).append(view, new, VECTORS[:1])
    assert store.prune(contents, KEYS[:0]) == 6
    for view in (VIEW, later):
        assert np.array_equal(store.read(view, new), HALF[:1])  # type: ignore[arg-type]


def test_pruning_does_not_carry_changed_vectors_on(folder: Path) -> None:
    store = VectorStore(folder)
    contents = store.contents()
    path = sorted(folder.rglob("*.data.npy"))[0]
    flip(path)
    store.prune(contents, KEYS[[0, 2, 3, 5]])
    missing = store.missing(VIEW, KEYS)
    assert missing.sum() == 4  # two that were to go, two that lay beside the change
    assert np.array_equal(store.read(VIEW, KEYS[~missing]), HALF[~missing])  # type: ignore[arg-type]


def test_a_reader_goes_on_while_another_process_prunes(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    reader, other = VectorStore(folder), VectorStore(folder)
    assert not reader.missing(VIEW, KEYS).any()  # it has read the indexes
    other.prune(other.contents(), KEYS[[0, 1, 3]])
    assert np.array_equal(reader.read(VIEW, KEYS[[3, 0, 1]]), HALF[[3, 0, 1]])  # type: ignore[arg-type]
    other.prune(other.contents(), KEYS[[0, 1]])
    assert reader.read(VIEW, KEYS[[0, 3]]) is None
    assert reader.missing(VIEW, KEYS[[0, 3]]).tolist() == [False, True]
    assert not caplog.records


def test_damage_that_cannot_be_removed_is_missing_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    flip(sorted(folder.rglob("*.data.npy"))[0])

    def refuse(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    store = VectorStore(folder)
    assert store.read(VIEW, KEYS) is None
    missing = store.missing(VIEW, KEYS)
    assert missing.sum() == 3
    assert len(caplog.records) == 1
    store.append(VIEW, KEYS[missing], VECTORS[missing])
    assert np.array_equal(store.read(VIEW, KEYS), HALF)  # type: ignore[arg-type]


def test_room_is_that_of_the_disk_of_the_nearest_folder_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def usage(place: Path) -> SimpleNamespace:
        asked.append(place)
        return SimpleNamespace(free=3 * 1024**2)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    store = VectorStore(tmp_path / "not" / "yet")
    assert store.free() == 3 * 1024**2
    store.require_room(3 * 1024**2)
    with pytest.raises(UserError) as caught:
        store.require_room(3 * 1024**2 + 1)
    assert str(caught.value) == (
        f"3.0 MiB of vectors do not fit into {tmp_path}/not/yet: 3.0 MiB are free\n"
        "free some space, or put the cache elsewhere: TLK_CACHE=DIR"
    )
    assert asked == [tmp_path] * 3
    monkeypatch.chdir(tmp_path)
    VectorStore(Path("relative")).require_room(1)
    assert asked[-1] == tmp_path
