"""Reading ahead: order, content keys, and the pixel cache."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlk.data import reader as module
from tlk.data.pixels import PixelCache
from tlk.data.reader import ImageReader, content_key
from tlk.data.source import FolderSource
from tlk.errors import UserError


def png(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (grey, grey, grey)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def source(tmp_path: Path) -> FolderSource:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(100):
        (folder / f"{number}.png").write_bytes(png(number))
    (folder / "copy.png").write_bytes(png(7))
    return FolderSource(folder)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that were decoded."""
    names: list[str] = []
    original: Callable[[bytes, str], np.ndarray] = module.decode_image

    def decode(data: bytes, name: str) -> np.ndarray:
        names.append(Path(name).name)
        return original(data, name)

    monkeypatch.setattr(module, "decode_image", decode)
    return names


PATHS = [f"{number}.png" for number in range(100)]


def test_keys_are_those_of_the_content(source: FolderSource) -> None:
    keys = ImageReader(source).keys(["7.png", "8.png", "copy.png", "7.png"])
    assert keys[0] == keys[2] == keys[3] != keys[1]
    assert keys[0] == content_key(png(7)) == hashlib.blake2b(png(7), digest_size=16).digest()
    assert ImageReader(source).keys([]).shape == (0,)


def test_a_key_is_read_once(source: FolderSource, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ImageReader(source)
    first = reader.keys(["1.png", "2.png"])
    monkeypatch.setattr(source, "read", lambda path: pytest.fail(f"{path} was read again"))
    assert np.array_equal(reader.keys(["2.png", "1.png"]), first[::-1])


def test_images_come_in_order_whatever_the_threads(source: FolderSource) -> None:
    images = list(ImageReader(source).images(PATHS[::-1]))
    assert [int(image[0, 0, 0]) for image in images] == list(range(99, -1, -1))
    assert images[0].shape == (2, 3, 3)


def test_prepare_runs_on_every_image(source: FolderSource) -> None:
    assert list(ImageReader(source).prepared(PATHS[:5], lambda image: int(image.sum()))) == [18 * i for i in range(5)]


def test_only_a_few_dozen_images_are_read_ahead(source: FolderSource, decoded: list[str]) -> None:
    images = ImageReader(source).images(PATHS)
    next(images)
    images.close()  # type: ignore[attr-defined]
    assert 1 <= len(decoded) <= module._AHEAD


@pytest.mark.parametrize("broken", ["0.png", "50.png", "99.png"])
def test_an_image_that_does_not_decode_is_named(source: FolderSource, broken: str) -> None:
    (source.location / broken).write_bytes(b"<html>")
    with pytest.raises(UserError, match=f"cannot decode {source.location}/{broken}"):
        list(ImageReader(source).images(PATHS))


def test_an_image_that_is_gone_is_named(source: FolderSource) -> None:
    with pytest.raises(UserError, match=r"cannot read .*none\.png"):
        list(ImageReader(source).images(["1.png", "none.png"]))
    with pytest.raises(UserError, match=r"cannot read .*none\.png"):
        ImageReader(source).keys(["1.png", "none.png"])


@pytest.mark.parametrize("keys_first", [True, False])
def test_a_second_pass_decodes_nothing(
    source: FolderSource, tmp_path: Path, decoded: list[str], keys_first: bool
) -> None:
    reader = ImageReader(source, PixelCache(tmp_path / "pixels", 10**9))
    if keys_first:
        reader.keys(PATHS[:9])
    first = list(reader.images(PATHS[:9]))
    assert sorted(decoded) == sorted(PATHS[:9])
    second = list(reader.images(PATHS[:9]))
    assert len(decoded) == 9
    assert all(map(np.array_equal, first, second))


def test_the_next_process_finds_the_pixels_even_when_nobody_asked_for_more_than_the_last_image(
    source: FolderSource, tmp_path: Path, decoded: list[str]
) -> None:
    images = ImageReader(source, PixelCache(tmp_path / "pixels", 10**9)).images(PATHS[:5])
    for _ in range(5):
        next(images)
    images.close()  # type: ignore[attr-defined]
    later = ImageReader(source, PixelCache(tmp_path / "pixels", 10**9))
    later.keys(PATHS[:5])
    assert [int(image[0, 0, 0]) for image in later.images(PATHS[:5])] == list(range(5))
    assert len(decoded) == 5


def test_the_cache_goes_by_content_not_by_path(source: FolderSource, tmp_path: Path) -> None:
    cache = PixelCache(tmp_path / "pixels", 10**9)
    list(ImageReader(source, cache).images(["1.png"]))
    (source.location / "1.png").write_bytes(png(200))
    later = ImageReader(source, cache)
    later.keys(["1.png"])
    assert next(later.images(["1.png"]))[0, 0, 0] == 200
