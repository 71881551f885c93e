"""An image as a collection keeps it: a JPEG no larger than asked, the original's own bytes where they are that."""

import io
import threading
from contextlib import nullcontext

from PIL import Image

from tlk.data.images import FORMATS, decode_image

GIANT = 30_000_000  # pixels
QUALITY = 92  # of 100, with colour at full resolution: no artefacts that a descriptor would see

_one_giant = threading.Lock()


def make_thumbnail(data: bytes, name: str, size: int) -> bytes:
    """Return `data` as a JPEG of at most `size` pixels on its longer side, after a look at whether it can be decoded.

    May be called from several threads: they decode one giant at a time. `name` is for messages.

    Raises:
        UserError: it cannot be decoded.
    """
    (width, height), kind = _look(data)
    with _one_giant if width * height > GIANT else nullcontext():
        pixels = decode_image(data, name, size)
    if kind in ("JPEG", "MPO") and max(width, height) <= size:
        return data
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


def _look(data: bytes) -> tuple[tuple[int, int], str]:
    """Return the size and format that an image claims; nothing where it is none, of which `decode_image` will tell."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            return image.size, image.format or ""
    except Exception:  # Pillow's readers raise whatever a damaged file makes them trip over
        return (0, 0), ""
