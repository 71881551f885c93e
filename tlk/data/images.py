"""Bytes to pixels: every mode that image files come in ends as RGB."""

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps, UnidentifiedImageError

from tlk.errors import UserError

# Pillow warns about odd metadata and large scans, which it decodes well all the same. A filter for good, because
# `warnings.catch_warnings` is not safe in the threads that decode.
warnings.filterwarnings("ignore", module=r"PIL\.")

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"})
# Pillow opens MPO, the format of many phones, as JPEG; naming it here would be an error.
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")

# No image with more is decoded, wherever it comes from: it must be a trap. The largest painting scans have 107 million.
MAX_PIXELS = 178_956_970

# Pixels are kept no larger than this on either side. Backbones see 224 to 448 of them, descriptors fewer; a museum's
# 50-megapixel scan costs no more than a thumbnail from here on.
MAX_SIDE = 512


# What pixels depend on beside the file: kept with everything that is made from them, so that a change here is noticed.
DECODER = f"Pillow {PIL.__version__}, {hashlib.blake2b(Path(__file__).read_bytes(), digest_size=8).hexdigest()}"


def decode_image(data: bytes, name: str, max_side: int = MAX_SIDE) -> np.ndarray:
    """Decode an image file to `(h, w, 3)` uint8 RGB, turned as its EXIF says, alpha laid on white.

    Images larger than `max_side` are reduced to it. Of an animation the first frame counts. `name` is for messages.

    A giant JPEG is decoded at an eighth of its scale: 107 megapixels cost some 10 MiB beside the file, and if it is
    progressive its coefficients, 3 to 6 bytes a pixel. Other formats know no such scale and stand in memory whole, at 4
    bytes a pixel as RGB, 5 as grey or palette, 8 as CMYK, 12 to 17 with alpha, with 16 bits or as WebP, 22 as floats:
    for 107 megapixels .4 to 2.2 GiB.

    Raises:
        UserError: not an image, truncated, or of more than `MAX_PIXELS`, whatever the settings of Pillow.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:  # as the file claims: nothing is decoded yet
                what = f"it has {image.width * image.height} pixels, the limit is {MAX_PIXELS}"
                raise Image.DecompressionBombError(what)
            image.draft("RGB", (max_side, max_side))  # JPEG: decode at a reduced scale where that is enough
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            rgb = _to_rgb(image)
            rgb.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return np.asarray(rgb)
    except UnidentifiedImageError as error:
        what = "it is empty" if not data else "it is not an image that can be read"
        raise UserError(f"cannot decode {name}: {what}\nreplace the file, or take its id out of the tables") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"cannot decode {name}: {error}\nreduce the image first") from error
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them trip over
        raise UserError(f"cannot decode {name}: {error}\nreplace the file, or take its id out of the tables") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_to_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")  # which would copy one that is RGB already


def _to_eight_bits(grey: np.ndarray) -> np.ndarray:
    """Map 16-bit integers, or floats in 0…1 or 0…255, to uint8."""
    values = np.nan_to_num(grey.astype(np.float64), copy=False)
    if grey.dtype.kind == "f":
        scale = 255.0 if values.max(initial=0) <= 1 else 1.0
    else:
        scale = 1 / 257 if values.max(initial=0) > 255 or grey.dtype.itemsize == 2 else 1.0
    values *= scale  # in place, as what follows: of a large scan, each copy counts
    return np.clip(np.rint(values, out=values), 0, 255, out=values).astype(np.uint8)
