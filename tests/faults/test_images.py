"""Images as they come: what works is seen as the picture that it is, what does not is named, and can be skipped."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlk.cli.main import run

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")  # the module ignores them, pytest sets filters of its own

Plant = Callable[[Path, Image.Image], None]  # puts something in the place of a JPEG of the picture
NAMED = "train/left"  # where it is put


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def saved(kind: str, mode: str = "RGB", suffix: str = ".jpg", **options: Any) -> Plant:
    """Return what saves the picture in another way; lossy formats at a quality that does not show."""
    quality = {"quality": 95} if kind in ("JPEG", "WEBP") else {}

    def plant(place: Path, picture: Image.Image) -> None:
        place.unlink()
        place.with_suffix(suffix).write_bytes(encode(picture.convert(mode), kind, **quality, **options))

    return plant


def animated(kind: str) -> Plant:
    """Return what saves two frames, of which the first is the picture."""

    def plant(place: Path, picture: Image.Image) -> None:
        other = Image.new("RGB", picture.size, "white")
        place.write_bytes(encode(picture, kind, save_all=True, append_images=[other], duration=100))

    return plant


def sixteen_bits(place: Path, picture: Image.Image) -> None:
    grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    place.write_bytes(encode(Image.fromarray(grey), "PNG"))


def floats(place: Path, picture: Image.Image) -> None:
    place.unlink()
    grey = np.asarray(picture.convert("L")).astype(np.float32) / 255
    place.with_suffix(".tiff").write_bytes(encode(Image.fromarray(grey), "TIFF"))


def see_through(place: Path, picture: Image.Image) -> None:
    """Opaque where the picture is; what cannot be seen is of no account."""
    image = picture.convert("RGBA")
    image.putalpha(255)
    place.write_bytes(encode(image, "PNG"))


def turned(place: Path, picture: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter when shown
    place.write_bytes(encode(picture.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif))


def broken_profile(place: Path, picture: Image.Image) -> None:
    place.write_bytes(encode(picture, "JPEG", quality=95, icc_profile=b"no profile at all" * 20))


def broken_exif(place: Path, picture: Image.Image) -> None:
    place.write_bytes(encode(picture, "JPEG", quality=95, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff\xff\xff"))


def link_to(place: Path, picture: Image.Image) -> None:
    target = place.parents[3] / "elsewhere.jpg"
    place.rename(target)
    place.symlink_to(target)


def as_it_is(picture: Image.Image) -> Image.Image:
    return picture


def in_grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L")


def in_black_and_white(picture: Image.Image) -> Image.Image:
    return picture.convert("1")


# What simply works, what of the picture must be seen, and how well: a correlation of small thumbnails.
WORKS: list[tuple[str, Plant, Callable[[Image.Image], Image.Image], float]] = [
    ("a PNG named .jpg is read for what it is", saved("PNG"), as_it_is, 0.99),
    ("a WebP named .jpg is read for what it is", saved("WEBP"), as_it_is, 0.99),
    ("a lossless WebP is read", saved("WEBP", suffix=".webp", lossless=True), as_it_is, 0.99),
    ("a TIFF is read", saved("TIFF", suffix=".tiff"), as_it_is, 0.99),
    ("a BMP is read", saved("BMP", suffix=".bmp"), as_it_is, 0.99),
    ("an ending in capitals is an ending", saved("JPEG", suffix=".JPG"), as_it_is, 0.99),
    ("an ending .jpeg is an ending", saved("JPEG", suffix=".jpeg"), as_it_is, 0.99),
    ("a progressive JPEG is read", saved("JPEG", progressive=True), as_it_is, 0.99),
    ("a JPEG without subsampling is read", saved("JPEG", subsampling=0), as_it_is, 0.99),
    ("a CMYK JPEG is read as its colours", saved("JPEG", "CMYK"), as_it_is, 0.98),
    ("a grey JPEG is read as grey", saved("JPEG", "L"), in_grey, 0.99),
    ("a black and white PNG is read", saved("PNG", "1"), in_black_and_white, 0.99),
    ("a palette PNG is read", saved("PNG", "P"), as_it_is, 0.9),
    ("a palette GIF named .jpg is read", saved("GIF", "P"), as_it_is, 0.9),
    ("an interlaced GIF is read", saved("GIF", "P", ".gif", interlace=1), as_it_is, 0.9),
    ("a PNG with an alpha channel is laid on white", see_through, as_it_is, 0.99),
    ("a grey PNG with an alpha channel is laid on white", saved("PNG", "LA"), in_grey, 0.99),
    ("a 16-bit PNG keeps its shades", sixteen_bits, in_grey, 0.99),
    ("a TIFF of floats keeps its shades", floats, in_grey, 0.99),
    ("an animated GIF is its first frame", animated("GIF"), as_it_is, 0.9),
    ("an animated WebP is its first frame", animated("WEBP"), as_it_is, 0.99),
    ("an animated PNG is its first frame", animated("PNG"), as_it_is, 0.99),
    ("a JPEG is turned as its EXIF says", turned, as_it_is, 0.99),
    ("a broken colour profile does not matter", broken_profile, as_it_is, 0.99),
    ("broken EXIF does not matter", broken_exif, as_it_is, 0.99),
    ("bytes after the end of an image do not matter", lambda p, _: append(p, b"<html>"), as_it_is, 0.99),
    ("a link to an image is an image", link_to, as_it_is, 0.99),
]


def append(place: Path, more: bytes) -> None:
    place.write_bytes(place.read_bytes() + more)


def one_pixel(place: Path, picture: Image.Image) -> None:
    place.write_bytes(encode(Image.new("RGB", (1, 1), "red"), "PNG"))


def one_row(place: Path, picture: Image.Image) -> None:
    place.write_bytes(encode(Image.new("RGB", (5000, 1), "red"), "PNG"))


# What works without looking like the picture.
SMALL: list[tuple[str, Plant]] = [
    ("an image of one pixel is an image", one_pixel),
    ("an image of one row is an image", one_row),
    ("an image of 30 megapixels is an image", lambda p, _: p.write_bytes(encode(Image.new("L", (6000, 5000)), "PNG"))),
]


def cut(kind: str) -> Plant:
    def plant(place: Path, picture: Image.Image) -> None:
        whole = encode(picture, kind)
        place.write_bytes(whole[: len(whole) // 2])

    return plant


def bomb(place: Path, picture: Image.Image) -> None:
    """30,000 × 30,000 pixels, all black, in a file of about 110 kB."""
    side = 30_000

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    rows = b"".join([*(packer.compress(bytes(1 + side // 8)) for _ in range(side)), packer.flush()])
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    assert len(content) < 200_000
    place.write_bytes(content)


def instead(make: Callable[[Path], None]) -> Plant:
    def plant(place: Path, picture: Image.Image) -> None:
        place.unlink()
        make(place)

    return plant


def content(data: bytes) -> Plant:
    return instead(lambda place: place.write_bytes(data) and None)


DAMAGED, ABSENT = "cannot decode", "no image in"
REFUSED: list[tuple[str, Plant, str]] = [
    ("a JPEG that is cut off is refused", cut("JPEG"), DAMAGED),
    ("a PNG that is cut off is refused", cut("PNG"), DAMAGED),
    ("a WebP that is cut off is refused", cut("WEBP"), DAMAGED),
    ("a GIF that is cut off is refused", cut("GIF"), DAMAGED),
    ("a TIFF that is cut off is refused", cut("TIFF"), DAMAGED),
    ("a file of no bytes is refused", content(b""), "it is empty"),
    ("a file of one byte is refused", content(b"\xff"), DAMAGED),
    ("a file of zeros is refused", content(bytes(5000)), DAMAGED),
    ("a page of HTML named .jpg is refused", content(b"<!DOCTYPE html><title>404</title>"), DAMAGED),
    ("an SVG named .jpg is refused", content(b'<svg xmlns="http://www.w3.org/2000/svg"/>'), DAMAGED),
    ("a PDF named .jpg is refused", content(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), DAMAGED),
    ("PostScript named .jpg is refused", content(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), DAMAGED),
    ("the first bytes of a JPEG alone are refused", content(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00"), DAMAGED),
    ("a bomb of 900 megapixels is refused", bomb, "limit"),
    ("a pointer of Git LFS is refused", content(b"version https://git-lfs.github.com/spec/v1\n"), DAMAGED),
    ("a folder named .jpg is no image", instead(Path.mkdir), ABSENT),
    ("a pipe named .jpg is no image, and nobody waits for it", instead(os.mkfifo), ABSENT),
    ("a link to nowhere is no image", instead(lambda place: place.symlink_to("nowhere.jpg")), ABSENT),
    ("a link to itself is no image", instead(lambda place: place.symlink_to(place.name)), ABSENT),
    ("an image that is not there is refused", instead(lambda place: None), ABSENT),
    ("an image under a name that only looks alike is not it", lambda p, _: p.rename(p.with_stem(" " + p.stem)), ABSENT),
    ("an ending that images do not have is none", lambda p, _: p.rename(p.with_suffix(".txt")), ABSENT),
]

CASES = [*WORKS, *SMALL, *REFUSED]


def target(data: Path) -> tuple[Path, Image.Image]:
    """Return the place of the first training pair's left image, and its picture."""
    name = (data / "train.csv").read_text().splitlines()[1].split(",")[0]
    place = data / NAMED / f"{name}.jpg"
    with Image.open(place) as image:
        return place, image.convert("RGB")


def exported(folder: Path) -> dict[str, np.ndarray]:
    """Return the vector of each image, by folder/id, that an export holds."""
    rows = [line.split(",") for line in (folder / "ids.csv").read_text().splitlines()[1:]]
    vectors = np.load(next(folder.glob("*.npy"))).astype(np.float64)
    return {f"{place}/{name}": vectors[int(row)] for row, place, name in rows}


@pytest.fixture(scope="session")
def whole(tiny_competition: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The table of folds of the images as they were."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TLK_CACHE", raising=False)
        assert run(["folds", "--data", str(tiny_competition), "--k", "2", "--out", "whole.csv"]) == 0
    return (folder / "whole.csv").read_bytes()


@pytest.fixture(scope="session")
def sound(tiny_competition: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """The vectors of the images as they were."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("TLK_CACHE", raising=False)
        assert run(["embed", "--data", str(tiny_competition), "--recipe", "thumbnail", "--export", "out"]) == 0
    return exported(folder / "out")


@pytest.mark.parametrize(("plant", "seen", "alike"), [case[1:] for case in WORKS], ids=[case[0] for case in WORKS])
def test_it_is_seen_as_the_picture(
    plant: Plant,
    seen: Callable[[Image.Image], Image.Image],
    alike: float,
    data: Path,
    works: Any,
    sound: dict[str, np.ndarray],
) -> None:
    place, picture = target(data)
    plant(place, picture)
    plain = next((data / "train/right").iterdir())  # what must be seen, as plain as can be
    plain.write_bytes(encode(seen(picture).convert("RGB"), "PNG"))
    works(["embed", "--recipe", "thumbnail", "--export", "out"])
    vectors, names = exported(Path("out")), [f"{NAMED}/{place.stem}", f"train/right/{plain.stem}"]
    assert vectors.keys() == sound.keys()
    assert np.corrcoef([vectors[name] for name in names])[0, 1] >= alike
    assert all(np.array_equal(vectors[other], sound[other]) for other in sound if other not in names)


@pytest.mark.parametrize("plant", [case[1] for case in SMALL], ids=[case[0] for case in SMALL])
def test_it_is_an_image_of_its_own(plant: Plant, data: Path, works: Any, sound: dict[str, np.ndarray]) -> None:
    plant(*target(data))
    works(["embed", "--recipe", "thumbnail", "--export", "out"])
    assert exported(Path("out")).keys() == sound.keys()
    assert works(["folds", "--k", "2"]).startswith("folds/")


@pytest.mark.parametrize(("plant", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_it_is_refused_and_named(plant: Plant, words: str, data: Path, refused: Any) -> None:
    place, picture = target(data)
    plant(place, picture)
    name = f"{place.stem}.jpg" if words != ABSENT else f"{place.stem!r} (line 2)"
    refused(["folds", "--k", "2"], name, words)
    if words != ABSENT:  # else there is nothing that could be embedded
        refused(["embed", "--recipe", "thumbnail"], name, words)
    refused(["data", "check"], "1 faults", name, words)


@pytest.mark.parametrize(("plant", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_it_is_skipped_where_that_is_asked_for(plant: Plant, words: str, data: Path, works: Any, whole: bytes) -> None:
    place, picture = target(data)
    plant(place, picture)
    told = works(["folds", "--k", "2", "--out", "left.csv", "--skip-bad"])
    assert "1 of 16 images are left out:\n" in told
    assert f"  {NAMED}/{place.stem}: " in told
    assert Path("left.csv").read_bytes() == whole  # all keep their folds
    told = works(["embed", "--recipe", "thumbnail", "--skip-bad"])
    there = sum(path.is_file() and path.suffix == ".jpg" for path in data.glob("*/*/*")) - (words != ABSENT)
    assert f"\n{there} images, 1 views each" in f"\n{told}"
    assert ("1 of 56 images are left out:" in told) == (words != ABSENT)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_an_image_that_may_not_be_read_is_refused(data: Path, refused: Any, works: Any) -> None:
    place, _ = target(data)
    place.chmod(0)
    refused(["embed", "--recipe", "thumbnail"], place.name, "Permission denied")
    assert "1 of 56 images are left out" in works(["embed", "--recipe", "thumbnail", "--skip-bad"])
