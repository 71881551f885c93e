"""What is small is kept byte for byte, what is large is reduced, and giants wait for each other."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlk.data import thumbnails as module
from tlk.data.images import decode_image
from tlk.data.thumbnails import make_thumbnail
from tlk.errors import UserError


def save(size: tuple[int, int], kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("size", [(64, 64), (64, 20), (1, 1)])
def test_a_jpeg_that_fits_is_kept_byte_for_byte(size: tuple[int, int]) -> None:
    data = save(size, quality=50)
    assert make_thumbnail(data, "x", 64) is data


def test_a_larger_one_is_reduced_and_looks_the_same() -> None:
    data = save((200, 100))
    with Image.open(io.BytesIO(make_thumbnail(data, "x", 64))) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (64, 32), "RGB")
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # 4:4:4
        pixels = np.asarray(image).astype(int)
    assert abs(pixels - decode_image(data, "x", 64)).mean() < 2


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_another_format_becomes_a_jpeg_even_where_it_fits(kind: str) -> None:
    with Image.open(io.BytesIO(make_thumbnail(save((40, 30), kind), "x", 64))) as image:
        assert (image.format, image.size) == ("JPEG", (40, 30))


def test_a_turned_image_is_turned_in_its_thumbnail() -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    with Image.open(io.BytesIO(make_thumbnail(save((200, 100), exif=exif), "x", 64))) as image:
        assert image.size == (32, 64)
        assert image.getexif().get(0x112, 1) == 1


@pytest.mark.parametrize("data", [b"", b"<html>", save((40, 40))[:400], save((200, 200))[:400]])
def test_a_damaged_file_is_an_error_even_where_it_would_be_kept(data: bytes) -> None:
    with pytest.raises(UserError, match=r"cannot decode a.jpg: "):
        make_thumbnail(data, "a.jpg", 64)


def test_giants_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GIANT", 5000)
    inside, most = threading.Semaphore(1), []

    def decode(data: bytes, name: str, size: int) -> np.ndarray:
        alone = inside.acquire(blocking=False)
        most.append(alone)
        pixels = decode_image(data, name, size)
        if alone:
            inside.release()
        return pixels

    monkeypatch.setattr(module, "decode_image", decode)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: make_thumbnail(save((400, 300)), "x", 64), range(20)))
    assert most == [True] * 20


def test_what_is_no_giant_waits_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with module._one_giant:
        assert make_thumbnail(save((40, 30)), "x", 64)
