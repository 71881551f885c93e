"""The pixel cache: whole images or none, never more than the cap."""

import threading
from pathlib import Path

import numpy as np
import pytest

from tlk.data import pixels
from tlk.data.pixels import PixelCache
from tlk.data.shards import KEY

LARGE = 10**9


def key(number: int) -> bytes:
    return bytes([number]) * 16


def keys(*numbers: int) -> np.ndarray:
    return np.array([key(number) for number in numbers], KEY)


def image(number: int, height: int = 3, width: int = 5) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)


def test_images_of_any_size_come_back_before_and_after_they_are_written(tmp_path: Path) -> None:
    cache = PixelCache(tmp_path, LARGE)
    images = {1: image(1), 2: image(2, 1, 1), 3: image(3, 7, 2)}
    for number, array in images.items():
        cache.put(key(number), array)
    assert not list(tmp_path.iterdir())
    for written in (False, True):
        if written:
            cache.flush()
            cache.flush()  # nothing waits: nothing is written
            assert len(list(tmp_path.iterdir())) == 2
        for number, array in images.items():
            assert np.array_equal(cache.get(key(number)), array)
        assert cache.get(key(4)) is None
    again = PixelCache(tmp_path, LARGE)
    assert all(np.array_equal(again.get(key(number)), array) for number, array in images.items())


def test_a_shard_is_written_when_enough_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_FLUSH_BYTES", 2 * image(0).nbytes)
    cache = PixelCache(tmp_path, LARGE)
    for number in range(5):
        cache.put(key(number), image(number))
    assert len(list(tmp_path.glob("*.index.npy"))) == 2
    assert all(np.array_equal(cache.get(key(number)), image(number)) for number in range(5))
    assert PixelCache(tmp_path, LARGE).get(key(4)) is None  # it waits still


def test_the_cap_holds_and_what_is_held_is_served(tmp_path: Path) -> None:
    one = image(0).nbytes
    cache = PixelCache(tmp_path, 2 * one + one // 2)
    for number in range(4):
        cache.put(key(number), image(number))
        cache.put(key(number), image(number))  # counted once
    cache.flush()
    assert [cache.get(key(number)) is not None for number in range(4)] == [True, True, False, False]
    later = PixelCache(tmp_path, 2 * one + one // 2)  # what is on disk counts
    later.put(key(9), image(9))
    assert later.get(key(9)) is None
    assert later.get(key(0)) is not None
    assert sum(path.stat().st_size for path in tmp_path.glob("*.data.npy")) < 3 * one + 128


def test_changed_bytes_are_never_served(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = PixelCache(tmp_path, LARGE)
    cache.put(key(1), image(1))
    cache.put(key(2), image(2))
    cache.flush()
    (path,) = tmp_path.glob("*.data.npy")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # the last image
    path.write_bytes(content)
    again = PixelCache(tmp_path, LARGE)
    assert np.array_equal(again.get(key(1)), image(1))
    assert again.get(key(2)) is None
    assert "a checksum does not match" in caplog.text
    assert not list(tmp_path.iterdir())
    again.put(key(2), image(2))
    assert np.array_equal(again.get(key(2)), image(2))


def test_an_index_that_points_behind_the_data_is_damage(tmp_path: Path) -> None:
    cache = PixelCache(tmp_path, LARGE)
    cache.put(key(1), image(1))
    cache.flush()
    (path,) = tmp_path.glob("*.index.npy")
    index = np.load(path)
    index["offset"] = 40
    np.save(path, index)
    assert PixelCache(tmp_path, LARGE).get(key(1)) is None


def test_two_caches_write_to_one_folder_from_many_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_FLUSH_BYTES", 3 * image(0).nbytes)
    caches = [PixelCache(tmp_path, LARGE), PixelCache(tmp_path, LARGE)]
    wrong: list[int] = []

    def work(cache: PixelCache, start: int) -> None:
        for number in range(start, start + 12):
            cache.put(key(number), image(number))
            found = cache.get(key(number))
            if found is None or not np.array_equal(found, image(number)):
                wrong.append(number)
        cache.flush()

    threads = [threading.Thread(target=work, args=(caches[i % 2], 6 * i)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    again = PixelCache(tmp_path, LARGE)
    assert all(np.array_equal(again.get(key(number)), image(number)) for number in range(30))


SIZES = {1: (3, 5), 2: (1, 1), 3: (7, 2), 4: (2, 9)}  # of images in one shard; a fifth lies in another


@pytest.fixture
def filled(tmp_path: Path) -> PixelCache:
    cache = PixelCache(tmp_path, LARGE)
    for number, size in SIZES.items():
        cache.put(key(number), image(number, *size))
    cache.flush()
    cache.put(key(5), image(5))
    cache.flush()
    assert cache.count() == 5
    return cache


def test_pruning_keeps_what_is_asked_for(filled: PixelCache, tmp_path: Path) -> None:
    size = filled.size()
    assert size == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert filled.prune(keys(2, 4, 9)) == 3
    for cache in (filled, PixelCache(tmp_path, LARGE)):
        assert [number for number in range(1, 6) if cache.get(key(number)) is not None] == [2, 4]
        assert all(np.array_equal(cache.get(key(n)), image(n, *SIZES[n])) for n in (2, 4))
        assert (cache.count(), len(list(tmp_path.iterdir()))) == (2, 2)
        assert cache.size() < size
    assert filled.prune(keys()) == 2
    assert not list(tmp_path.iterdir())


def test_what_waits_or_came_later_is_not_pruned(filled: PixelCache, tmp_path: Path) -> None:
    other = PixelCache(tmp_path, LARGE)
    other.put(key(6), image(6))
    other.flush()
    filled.put(key(7), image(7))
    assert filled.prune(keys()) == 5
    assert all(np.array_equal(filled.get(key(number)), image(number)) for number in (6, 7))


def test_pruning_makes_room_below_the_cap(tmp_path: Path) -> None:
    one = image(0, 40, 40)
    cache = PixelCache(tmp_path, one.nbytes + 1000)
    cache.put(key(0), one)
    cache.flush()
    cache.put(key(1), one)
    assert cache.get(key(1)) is None
    cache.count()
    cache.prune(keys())
    cache.put(key(1), one)
    assert np.array_equal(cache.get(key(1)), one)


def test_pruning_does_not_carry_changed_bytes_on(filled: PixelCache, tmp_path: Path) -> None:
    path = max(tmp_path.glob("*.data.npy"), key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # of image 4
    path.write_bytes(content)
    filled.prune(keys(2, 4))
    again = PixelCache(tmp_path, LARGE)
    assert np.array_equal(again.get(key(2)), image(2, 1, 1))
    assert again.get(key(4)) is None
    assert again.count() == 1


def test_a_reader_goes_on_while_another_process_prunes(
    filled: PixelCache, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = PixelCache(tmp_path, LARGE)
    held = reader.get(key(1))
    assert held is not None
    filled.prune(keys(2))
    assert np.array_equal(held, image(1))  # what is mapped stays
    assert reader.get(key(5)) is None
    assert reader.get(key(3)) is None
    assert np.array_equal(reader.get(key(2)), image(2, 1, 1))
    assert not caplog.records
