"""Small files that would become large ones: pictures, and documents nested in each other."""

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlk.data.images import MAX_PIXELS, decode_image
from tlk.errors import UserError
from tlk.files import write_json
from tlk.recipe import load_recipe
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.run import Run
from tlk.workflows.workspace import Workspace

# Pillow's warnings about odd files are ignored by the module that decodes; pytest sets its own filters for each test.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")

SIDE = 16_383  # of 268 megapixels: the largest that WebP knows, too


def tiny(kind: str, **options: object) -> bytearray:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 30, 120)).save(file, kind, **options)
    return bytearray(file.getvalue())


def png() -> bytes:
    data = tiny("PNG")
    struct.pack_into(">II", data, 16, SIDE, SIDE)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    return bytes(data)


def gif() -> bytes:
    data = tiny("GIF")
    struct.pack_into("<HH", data, 6, SIDE, SIDE)
    return bytes(data)


def bmp() -> bytes:
    data = tiny("BMP")
    struct.pack_into("<ii", data, 18, SIDE, SIDE)
    return bytes(data)


def jpeg() -> bytes:
    data = tiny("JPEG")
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, SIDE, SIDE)
    return bytes(data)


def tiff() -> bytes:
    data = tiny("TIFF")
    for tag in (b"\0\1\4\0\1\0\0\0", b"\1\1\4\0\1\0\0\0", b"\0\1\3\0\1\0\0\0", b"\1\1\3\0\1\0\0\0"):
        if tag in data:
            struct.pack_into("<I", data, data.index(tag) + 8, SIDE)
    return bytes(data)


def webp() -> bytes:
    data = tiny("WEBP", lossless=True)
    bits = int.from_bytes(data[21:25], "little") >> 28
    data[21:25] = (bits << 28 | (SIDE - 1) << 14 | (SIDE - 1)).to_bytes(4, "little")
    return bytes(data)


MAKERS = {maker.__name__: maker for maker in (png, gif, bmp, jpeg, tiff, webp)}

DECODE = """
import resource, sys
from pathlib import Path
import PIL.Image
from tlk.data.images import decode_image
from tlk.errors import UserError
PIL.Image.MAX_IMAGE_PIXELS = None if sys.argv[2] == "off" else PIL.Image.MAX_IMAGE_PIXELS
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode_image(Path(sys.argv[1]).read_bytes(), "it")
except UserError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, error)
"""


@pytest.mark.parametrize("pillow", ["on", "off"])
@pytest.mark.parametrize("kind", MAKERS)
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(kind: str, pillow: str, tmp_path: Path) -> None:
    """Also where somebody has turned Pillow's own limit off."""
    data = MAKERS[kind]()
    assert len(data) < 2000
    (tmp_path / "it").write_bytes(data)
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", DECODE, str(tmp_path / "it"), pillow]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, _, message = done.stdout.partition(" ")
    assert "cannot decode it: " in message
    assert str(SIDE * SIDE) in message or str(SIDE * (SIDE + 1)) in message
    assert int(grown) < 64


def test_the_limit_is_the_documented_one() -> None:
    assert SIDE * SIDE > MAX_PIXELS == 178_956_970
    with pytest.raises(UserError, match=r"pixels.*\nreduce the image first"):
        decode_image(png(), "it")


DEEP = 100_000
NESTED = {"arrays": "[" * DEEP, "closed": "[" * DEEP + "]" * DEEP, "tables": '{"a":' * DEEP, "digits": "9" * DEEP}


@pytest.mark.parametrize("content", NESTED.values(), ids=NESTED)
def test_documents_of_a_run_and_of_the_cache(content: str, tmp_path: Path) -> None:
    folder, cache = tmp_path / "run", tmp_path / "cache"
    folder.mkdir()
    cache.mkdir()
    for name in ("metrics.json", "manifest.json", "ensemble.json", "recipe.toml"):
        (folder / name).write_text(content)
    (cache / "sources.json").write_text(content)
    run = Run(folder)
    readers: list[Callable[[], object]] = [run.numbers, run.manifest, run.blend, run.recipe]
    for read in [*readers, Workspace(tmp_path, tmp_path, cache).sources]:
        with pytest.raises(UserError) as caught:
            read()
        assert len(str(caught.value).split("\n")) <= 3
        assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "content", ["x = " + "[" * DEEP, "x = " + "{a=" * DEEP, "[" + "a." * DEEP + "b]", "x = " + "9" * DEEP]
)
def test_recipes(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(UserError) as caught:
        load_recipe(str(tmp_path / "a.toml"))
    assert len(str(caught.value).split("\n")) <= 3
    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize(
    "setting",
    ["a." * DEEP + "b=1", "seed=0x" + "f" * DEEP, "seed=" + "9" * DEEP, "loss=" + "{a=" * 400, "x=" + "[" * DEEP],
)
def test_settings(setting: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe("adapter", [setting])
    assert len(str(caught.value).split("\n")) <= 3
    assert len(str(caught.value)) < 2000


def test_out_of_fold_results_that_would_unpack_to_more_than_the_file_has(tmp_path: Path) -> None:
    fields = OutOfFold.__dataclass_fields__
    np.savez_compressed(tmp_path / "oof.npz", **dict.fromkeys(fields, np.zeros(1_000_000)))
    with pytest.raises(UserError, match=r"cannot read .*oof\.npz: it is packed, as no run's is"):
        OutOfFold.read(tmp_path / "oof.npz")


def test_numbers_that_are_none_are_no_numbers_of_a_run(tmp_path: Path) -> None:
    write_json(tmp_path / "metrics.json", {"expected_top_k": {"2": 0.5}, "seconds": 1.0})
    text = (tmp_path / "metrics.json").read_text()
    for wrong in ("NaN", "Infinity", "1e999"):
        (tmp_path / "metrics.json").write_text(text.replace("0.5", wrong))
        with pytest.raises(UserError, match="is not a run's"):
            Run(tmp_path).numbers()
