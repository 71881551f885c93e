"""Every mode and format that image files come in, and every way they break."""

import io
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tlk.data.images import MAX_SIDE, SUFFIXES, decode_image
from tlk.errors import UserError

# Pillow's warnings about odd files are ignored by the module; pytest sets its own filters for each test.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")

SIZE = (6, 4)  # width, height
COLOUR = (200, 30, 120)


def save(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(mode: str, colour: Any) -> Image.Image:
    return Image.new(mode, SIZE, colour)


def grey(value: float, dtype: Any) -> Image.Image:
    return Image.fromarray(np.full(SIZE[::-1], value, dtype))


def palette() -> Image.Image:
    image = plain("P", 1)
    image.putpalette([255, 0, 0, *COLOUR, 0, 0, 255])
    return image


def big_endian_tiff(value: int) -> bytes:
    """A TIFF of 16-bit grey in Motorola order, which Pillow opens in the mode I;16B."""
    pixels = np.full(SIZE[::-1], value, ">u2").tobytes()
    short, long = 3, 4
    tags = [(256, short, SIZE[0]), (257, short, SIZE[1]), (258, short, 16), (259, short, 1), (262, short, 1)]
    tags += [(273, long, 8), (277, short, 1), (278, short, SIZE[1]), (279, long, len(pixels))]
    entries = [
        struct.pack(">HHI", tag, kind, 1)
        + (struct.pack(">HH", content, 0) if kind == short else struct.pack(">I", content))
        for tag, kind, content in tags
    ]
    directory = struct.pack(">H", len(tags)) + b"".join(entries) + bytes(4)
    return b"MM\0*" + struct.pack(">I", 8 + len(pixels)) + pixels + directory


def png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "colour", "tolerance"),
    [
        pytest.param(save(plain("1", 1)), (255, 255, 255), 0, id="1"),
        pytest.param(save(plain("L", 77)), (77, 77, 77), 0, id="L"),
        pytest.param(save(plain("L", 77), transparency=77), (255, 255, 255), 0, id="L with tRNS"),
        pytest.param(save(plain("L", 77), transparency=78), (77, 77, 77), 0, id="L with tRNS elsewhere"),
        pytest.param(save(plain("LA", (0, 128))), (127, 127, 127), 1, id="LA"),
        pytest.param(save(palette()), COLOUR, 0, id="P"),
        pytest.param(save(palette(), transparency=1), (255, 255, 255), 0, id="P with one transparent colour"),
        pytest.param(save(palette(), transparency=b"\0\x80\xff"), (227, 142, 187), 1, id="P with alpha in its palette"),
        pytest.param(save(plain("RGB", COLOUR)), COLOUR, 0, id="RGB"),
        pytest.param(save(plain("RGB", COLOUR), transparency=COLOUR), (255, 255, 255), 0, id="RGB with tRNS"),
        pytest.param(save(plain("RGBA", (*COLOUR, 255))), COLOUR, 0, id="RGBA, opaque"),
        pytest.param(save(plain("RGBA", (*COLOUR, 0))), (255, 255, 255), 0, id="RGBA, transparent"),
        pytest.param(save(plain("RGBA", (0, 0, 0, 51))), (204, 204, 204), 1, id="RGBA, a fifth"),
        pytest.param(save(plain("CMYK", (255, 0, 0, 0)), "JPEG", quality=95), (0, 255, 255), 3, id="CMYK JPEG"),
        pytest.param(save(plain("CMYK", (0, 0, 0, 128)), "TIFF"), (127, 127, 127), 1, id="CMYK TIFF"),
        pytest.param(save(plain("YCbCr", (76, 85, 255)), "JPEG", quality=95), (254, 0, 0), 4, id="YCbCr JPEG"),
        pytest.param(save(plain("L", 77), "JPEG"), (77, 77, 77), 1, id="grey JPEG"),
        pytest.param(save(grey(30000, np.uint16)), (117, 117, 117), 0, id="16-bit PNG"),
        pytest.param(save(grey(200, np.uint16)), (1, 1, 1), 0, id="16-bit PNG, dark"),
        pytest.param(save(grey(65535, np.uint16), "TIFF"), (255, 255, 255), 0, id="16-bit TIFF"),
        pytest.param(big_endian_tiff(30000), (117, 117, 117), 0, id="16-bit TIFF in Motorola order"),
        pytest.param(big_endian_tiff(200), (1, 1, 1), 0, id="16-bit TIFF in Motorola order, dark"),
        pytest.param(save(grey(30000, np.int32), "TIFF"), (117, 117, 117), 0, id="32-bit TIFF of 16-bit values"),
        pytest.param(save(grey(200, np.int32), "TIFF"), (200, 200, 200), 0, id="32-bit TIFF of 8-bit values"),
        pytest.param(save(grey(-5, np.int32), "TIFF"), (0, 0, 0), 0, id="32-bit TIFF below zero"),
        pytest.param(save(grey(0.5, np.float32), "TIFF"), (128, 128, 128), 0, id="float TIFF up to 1"),
        pytest.param(save(grey(99.6, np.float32), "TIFF"), (100, 100, 100), 0, id="float TIFF up to 255"),
        pytest.param(save(grey(np.nan, np.float32), "TIFF"), (0, 0, 0), 0, id="float TIFF without values"),
        pytest.param(save(plain("RGB", COLOUR), "WEBP", lossless=True), COLOUR, 0, id="WebP"),
        pytest.param(save(plain("RGBA", (*COLOUR, 0)), "WEBP", lossless=True), (255, 255, 255), 0, id="WebP, clear"),
        pytest.param(save(plain("RGB", COLOUR), "TIFF", compression="tiff_lzw"), COLOUR, 0, id="TIFF"),
        pytest.param(save(plain("RGB", COLOUR), "BMP"), COLOUR, 0, id="BMP"),
        pytest.param(save(plain("RGB", COLOUR), "MPO"), COLOUR, 3, id="MPO"),
        pytest.param(
            save(plain("RGB", COLOUR), "GIF", save_all=True, append_images=[plain("RGB", (0, 0, 0))]),
            COLOUR, 0, id="GIF, first frame",
        ),
        pytest.param(
            save(plain("RGB", COLOUR), save_all=True, append_images=[plain("RGB", (0, 0, 0))]),
            COLOUR, 0, id="animated PNG, first frame",
        ),
    ],
)  # fmt: skip
def test_every_mode_ends_as_rgb(data: bytes, colour: tuple[int, int, int], tolerance: int) -> None:
    pixels = decode_image(data, "x")
    assert (pixels.shape, pixels.dtype) == ((SIZE[1], SIZE[0], 3), np.uint8)
    assert abs(pixels.astype(int) - colour).max() <= tolerance


def two_coloured() -> Image.Image:
    """Red at the left, blue at the right, 32 × 16."""
    image = Image.new("RGB", (32, 16), (255, 0, 0))
    image.paste((0, 0, 255), (16, 0, 32, 16))
    return image


@pytest.mark.parametrize(
    ("orientation", "shape", "red"),
    [(1, (16, 32), (8, 4)), (3, (16, 32), (8, 27)), (6, (32, 16), (4, 8)), (8, (32, 16), (27, 8))],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_turns_the_image(kind: str, orientation: int, shape: tuple[int, int], red: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    pixels = decode_image(save(two_coloured(), kind, exif=exif), "x")
    assert pixels.shape[:2] == shape
    assert pixels[red][0] > 200
    assert pixels[red][2] < 60


def test_damaged_exif_does_not_spoil_the_image() -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    data = save(two_coloured(), "JPEG", exif=exif)
    at = data.index(b"Exif\0\0") + 6
    for broken in (b"MM\0*\0\0\xff\xff", b"XX\0*\0\0\0\x08", b"MM\0*\0\0\0\x08\xff\xff"):
        pixels = decode_image(data[:at] + broken + data[at + len(broken) :], "x")
        assert sorted(pixels.shape) == [3, 16, 32]


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("size", "expected"), [
    ((2048, 1024), (256, 512)), ((700, 1400), (512, 256)), ((513, 2), (2, 512)),
    ((512, 512), (512, 512)), ((3, 2), (2, 3)), ((2000, 1), (1, 512)),
])  # fmt: skip
def test_large_images_are_reduced_and_small_ones_left(
    kind: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    pixels = decode_image(save(Image.new("RGB", size, COLOUR), kind, quality=95), "x")
    assert pixels.shape == (*expected, 3)
    assert max(pixels.shape) <= MAX_SIDE
    assert abs(pixels.astype(int) - COLOUR).max() <= 3


def test_a_caller_may_ask_for_fewer_pixels_or_more() -> None:
    for kind in ("JPEG", "PNG"):
        data = save(Image.new("RGB", (2000, 1000), COLOUR), kind)
        assert [decode_image(data, "x", side).shape[1] for side in (100, 800, 4000)] == [100, 800, 2000]


def test_large_16_bit_and_turned_images_are_reduced_too() -> None:
    assert decode_image(save(Image.fromarray(np.full((600, 1200), 30000, np.uint16))), "x").shape == (256, 512, 3)
    exif = Image.Exif()
    exif[0x112] = 6
    assert decode_image(save(Image.new("RGB", (1200, 600)), "JPEG", exif=exif), "x").shape == (512, 256, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot decode it.jpg: it is empty\nreplace the file, or take its id out of the tables"),
        (b"<!DOCTYPE html><html>404</html>", "cannot decode it.jpg: it is not an image that can be read\nreplace"),
        (b"%PDF-1.4 and more", "it is not an image that can be read"),
        (save(Image.effect_noise((64, 64), 90), "JPEG")[:900], "cannot decode it.jpg: .*truncated.*\nreplace the file"),
        (save(Image.effect_noise((64, 64), 90))[:900], "cannot decode it.jpg: .*truncated"),
        (b"\xff\xd8\xff", "cannot decode it.jpg: "),
        (png(30000, 30000), "cannot decode it.jpg: .*900000000 pixels.*\nreduce the image first"),
        (png(10000, 10000), "cannot decode it.jpg: .*truncated"),
        (save(plain("RGB", COLOUR), "PPM"), "it is not an image that can be read"),  # no format of the competition's
    ],
    ids=["empty", "HTML", "PDF", "cut JPEG", "cut PNG", "three bytes", "bomb", "large and cut", "PPM"],
)
def test_broken_files_are_named(data: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        decode_image(data, "it.jpg")
    assert len(str(caught.value).split("\n")) <= 3


def test_a_scan_of_100_megapixels_is_decoded() -> None:
    assert decode_image(save(Image.new("1", (10_000, 10_000), 1)), "x").shape == (512, 512, 3)


MAKE_GIANT = """
import sys
from PIL import Image
tile = Image.effect_noise((256, 256), 60).resize((512, 512)).convert("RGB")
image = Image.new("RGB", (15530, 6911))
for left in range(0, image.width, 512):
    for top in range(0, image.height, 512):
        image.paste(tile, (left, top))
image.save(sys.argv[1], quality=85, progressive=sys.argv[2] == "progressive")
"""
DECODE_GIANT = """
import resource, sys
from pathlib import Path
from tlk.data.images import decode_image
assert decode_image(Path(sys.argv[1]).read_bytes(), "x").shape == (228, 512, 3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "most"), [("baseline", 400), ("progressive", 1024)])
def test_a_giant_jpeg_is_decoded_in_little_memory(kind: str, most: int, tmp_path: Path) -> None:
    """The largest painting of a real collection, 107 megapixels, in a process of its own."""
    path = tmp_path / "giant.jpg"
    subprocess.run([sys.executable, "-c", MAKE_GIANT, path, kind], check=True)
    # A child's peak starts with what its parent held when it was started: a shell in between holds next to nothing.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", DECODE_GIANT, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) / 1024 < most


def test_pillows_warnings_do_not_reach_the_user(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    data = save(two_coloured(), "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(data.replace(b"Exif\0\0MM\0*\0\0\0\x08\0\x01", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode_image((tmp_path / "a.jpg").read_bytes(), "x")
    assert caught, "this file makes Pillow warn"
    code = "import sys, pathlib, tlk.data.images as i; i.decode_image(pathlib.Path(sys.argv[1]).read_bytes(), 'x')"
    command = [sys.executable, "-c", code, str(tmp_path / "a.jpg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_every_suffix_belongs_to_a_format_that_is_read() -> None:
    Image.init()
    kinds = {Image.EXTENSION[suffix] for suffix in SUFFIXES}
    assert kinds == {"JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"}


NOISE = Image.effect_noise((20, 14), 60).convert("RGB")
SAMPLES = [save(NOISE, kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")]


@given(st.data())
def test_any_bytes_are_an_image_or_a_user_error(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for at in data.draw(st.lists(st.integers(0, min(len(content), 300) - 1), min_size=1, max_size=4)):
        content[at] = data.draw(st.integers(0, 255))
    pixels, message = None, ""
    try:
        pixels = decode_image(bytes(content[: data.draw(st.integers(0, 2 * len(content)))]), "x")
    except UserError as error:
        message = str(error)
    assert len(message.split("\n")) <= 3
    assert message or (pixels is not None and (pixels.dtype, pixels.shape[2:]) == (np.uint8, (3,)))
