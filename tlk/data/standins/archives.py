"""Zip archives of images as a competition distributes them, some of them broken on the way."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

EPOCH = (2016, 5, 1, 12, 0, 0)  # entries are dated alike, so that the same seed gives the same bytes


def write_archive(path: Path, folder: str, files: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip that holds `files`, pairs of a name and its bytes, below `folder`/ ("" for none)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        if folder:
            archive.writestr(_entry(f"{folder}/"), b"")
        for name, data in files:
            archive.writestr(_entry(f"{folder}/{name}" if folder else name), data)


def truncated(data: bytes) -> bytes:
    """Return the first half of a file: a download that stopped."""
    return data[: len(data) // 2]


def garbage(data: bytes, random: np.random.Generator) -> bytes:
    """Return as many bytes that mean nothing."""
    return random.bytes(len(data))


def in_mode(image: np.ndarray, mode: str) -> bytes:
    """Return `image` (h, w, 3) as a JPEG file of another colour mode: L (grey) or CMYK."""
    file = io.BytesIO()
    Image.fromarray(image).convert(mode).save(file, "JPEG", quality=88)
    return file.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o644 << 16
    return entry
