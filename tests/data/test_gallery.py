"""Galleries: any folder, however deep; a collection; a competition."""

import os
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from tlk.data.collection import write_collection
from tlk.data.gallery import image_files, open_gallery
from tlk.errors import UserError


def draw(folder: Path, *paths: str) -> Path:
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (len(path), 0, 0)).save(file)
    return folder


def test_all_images_below_a_folder_in_order(tmp_path: Path) -> None:
    folder = draw(tmp_path / "any", "b.jpg", "a/deep/er/x.PNG", "a/y.webp", "z.tif", "a.tiff", "c.jpeg")
    draw(folder, ".hidden.jpg", ".thumbs/x.jpg", "__MACOSX/._b.jpg", "a/__MACOSX/c.jpg")
    (folder / "notes.txt").write_text("no image")
    gallery = open_gallery(folder)
    assert gallery.ids == ("a.tiff", "a/deep/er/x.PNG", "a/y.webp", "b.jpg", "c.jpeg", "z.tif")
    assert gallery.paths == gallery.ids
    assert gallery.titles == gallery.artists == ()
    assert gallery.source.read("a/y.webp") == (folder / "a/y.webp").read_bytes()


def test_links_are_followed_once_and_never_in_circles(tmp_path: Path) -> None:
    folder, elsewhere = draw(tmp_path / "in" / "any", "z/one.png"), draw(tmp_path / "else", "two.png")
    draw(tmp_path / "in", "outside.png")
    (folder / "a").symlink_to(folder / "z")  # its images have a path of their own
    (folder / "z" / "back").symlink_to(folder)
    (folder / "up").symlink_to(tmp_path / "in")
    (folder / "m").symlink_to(elsewhere)
    (elsewhere / "home").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "copy.png").symlink_to(elsewhere / "two.png")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert image_files(folder) == ["copy.png", "gone.png", "m/two.png", "z/one.png"]


def test_a_collection_brings_ids_titles_and_artists(tmp_path: Path) -> None:
    draw(tmp_path, "images/2.png", "images/1.png", "images/not-listed.png")
    rows = [("7", "images/2.png", "Ada", "Lady"), ("5", "images/1.png", "Bo", "")]
    write_collection(tmp_path, ("artist", "title"), rows)
    gallery = open_gallery(tmp_path)
    assert gallery.ids == ("7", "5")
    assert gallery.paths == ("images/2.png", "images/1.png")
    assert gallery.titles == ("Lady", "")
    assert gallery.artists == ("Ada", "Bo")
    write_collection(tmp_path, ("year",), [("7", "images/2.png", "1800")])
    assert open_gallery(tmp_path).titles == ()


def test_a_competition_brings_its_images_from_folder_and_zip(tmp_path: Path) -> None:
    folder = draw(tmp_path / "tll", "train/left/a.png", "train/right/a.png", "test/left/b.png", "docs/cover.png")
    (folder / "train.csv").write_text("left,right\na,a\n")
    with zipfile.ZipFile(tmp_path / "tll.zip", "w") as packed:
        for file in sorted(folder.rglob("*.*")):
            packed.write(file, Path("deep") / file.relative_to(folder))
    expected = ("test/left/b.png", "train/left/a.png", "train/right/a.png")
    for location in (folder, tmp_path / "tll.zip"):
        gallery = open_gallery(location)
        assert gallery.ids == expected
        assert gallery.source.read("test/left/b.png") == (folder / "test/left/b.png").read_bytes()


def test_names_that_are_no_text_can_be_read_and_printed(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "plain.png")
    odd = os.fsencode(tmp_path) + b"/\xff\n.png"
    Path(os.fsdecode(odd)).write_bytes((tmp_path / "plain.png").read_bytes())
    gallery = open_gallery(tmp_path)
    assert sorted(gallery.ids) == ["plain.png", "\ufffd\ufffd.png"]
    assert all(gallery.source.read(path) for path in gallery.paths)


def test_what_is_no_gallery_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere does not exist\nname a folder of images with --data"):
        open_gallery(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match="has no images"):
        open_gallery(tmp_path)
    with pytest.raises(UserError, match=r"neither a folder nor a \.zip"):
        open_gallery(tmp_path / "notes.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    draw(tmp_path, "open/x.png", "shut/y.png")
    (tmp_path / "shut").chmod(0)
    try:
        with pytest.raises(UserError, match=r"cannot read .*shut"):
            open_gallery(tmp_path)
    finally:
        (tmp_path / "shut").chmod(0o700)
