"""The competition's layout, whole and faulty, in folders and zips."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tlk.data.competition import Competition, is_plain_id
from tlk.errors import UserError

TRAIN = "left,right\na,x\nb,y\n007,nan\n"
TEST = "left,c0,c1,c2\nq,r,s,t\np,s,t,u\n"
IMAGES = {"train/left": "a b 007", "train/right": "x y nan", "test/left": "q p", "test/right": "r s t u"}


def make(place: Path) -> Path:
    """Write a competition of two halves; the image files hold nothing, since nothing here decodes them."""
    for folder, names in IMAGES.items():
        (place / folder).mkdir(parents=True)
        for name in names.split():
            (place / folder / f"{name}.jpg").touch()
    (place / "train.csv").write_text(TRAIN)
    (place / "test_candidates.csv").write_text(TEST)
    return place


def pack(folder: Path, place: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(place, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, prefix + str(path.relative_to(folder)))
        if prefix:
            archive.writestr("__MACOSX/._train.csv", b"\0")
            archive.writestr(f"__MACOSX/{prefix}train/left/._a.jpg", b"\0")
            archive.writestr(f"{prefix}train/left/.DS_Store", b"\0")
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "set")


def refuse(location: Path, call: Callable[[Competition], object]) -> str:
    """Return the message of the UserError that `call` raises: one to three lines."""
    with pytest.raises(UserError) as caught:
        call(Competition(location))
    message = str(caught.value)
    assert len(message.split("\n")) <= 3
    return message


@pytest.mark.parametrize("kind", ["folder", "zip", "nested zip"])
def test_folder_and_zips_read_alike(folder: Path, tmp_path: Path, kind: str) -> None:
    prefix = "set/" if kind == "nested zip" else ""
    data = Competition(folder if kind == "folder" else pack(folder, tmp_path / "set.zip", prefix))
    assert data.name == "set"
    assert data.has_train()
    assert data.has_test()
    pairs, lists = data.train_pairs(), data.test_lists()
    assert (pairs.lefts, pairs.rights, len(pairs)) == (("a", "b", "007"), ("x", "y", "nan"), 3)
    assert (lists.queries, len(lists), lists.length) == (("q", "p"), 2, 3)
    assert lists.candidates == (("r", "s", "t"), ("s", "t", "u"))
    assert lists.gallery == ("r", "s", "t", "u")
    assert data.paths("train/left", ["007", "a"]) == ["train/left/007.jpg", "train/left/a.jpg"]
    assert sorted(data.images("train/left")) == ["007", "a", "b"]


def test_images_have_many_endings_and_strays_are_not_images(folder: Path) -> None:
    for name in ("big.JPEG", "c.png", "d.webp", "Thumbs.db", "notes.txt", ".hidden.jpg", "e.tar.tiff"):
        (folder / "train/left" / name).touch()
    (folder / "train/left/folder.jpg").mkdir()
    assert sorted(Competition(folder).images("train/left")) == ["007", "a", "b", "big", "c", "d", "e.tar"]


@pytest.mark.parametrize("half", ["train", "test"])
def test_each_half_stands_alone(folder: Path, half: str) -> None:
    other = "test" if half == "train" else "train"
    shutil.rmtree(folder / other)
    (folder / ("test_candidates.csv" if half == "train" else "train.csv")).unlink()
    data = Competition(folder)
    assert (data.has_train(), data.has_test()) == (half == "train", half == "test")
    if half == "train":
        assert len(data.train_pairs()) == 3
        message = refuse(folder, Competition.test_lists)
        assert message.startswith(f"{folder} has no test_candidates.csv\npoint --data at")
    else:
        assert len(data.test_lists()) == 2
        assert refuse(folder, Competition.train_pairs).startswith(f"{folder} has no train.csv\n")


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("left,right\n", "train.csv has a header but no rows"),
        ("left;right\na;x\n", "train.csv: wrong header 'left;right'\nexpected 'left,right', separated by commas"),
        ("id,left,right\n1,a,x\n", "train.csv: wrong header 'id,left,right'"),
        (TRAIN + "a,z\n", "train.csv, line 5: left id 'a' stands in line 2 already\neach id belongs to one row"),
        (TRAIN.replace("nan", "x"), "train.csv, line 4: right id 'x' stands in line 2 already"),
        (TRAIN + "c,z\n", "train.csv: no image in {folder}/train/left for 'c' (line 5)\nput the images there, take"),
        (TRAIN + "c,z\nd,w\ne,v\nf,u\n", "train/left for 'c' (line 5); 'd' (line 6); 'e' (line 7); and 1 more\n"),
        (TRAIN + "a.jpg,z\n", "train/left for 'a.jpg'"),
        (TRAIN + "../x,z\n", "train.csv, line 5: '../x' is not an id\nan id is the name of an image without its"),
        (TRAIN + "sub/a,z\n", "'sub/a' is not an id"),
        (TRAIN + "sub\\a,z\n", "is not an id"),
        (TRAIN + ",z\n", "'' is not an id"),
        (TRAIN + "..,z\n", "'..' is not an id"),
        (TRAIN + "a\0b,z\n", "'a\\x00b' is not an id"),
        (TRAIN + '"1\n2\n3\n4",z\n', "'1\\n2\\n3\\n4' is not an id"),
        (TRAIN + "x" * 5000 + "/,z\n", "' is not an id"),
        (TRAIN + "c\n", "train.csv, line 5: 1 cells where the header has 2"),
    ],
)  # fmt: skip
def test_faults_of_the_pairs_are_named(folder: Path, table: str, fault: str) -> None:
    (folder / "train.csv").write_bytes(table.encode())
    message = refuse(folder, Competition.train_pairs)
    assert fault.format(folder=folder) in message
    assert message.startswith(str(folder / "train.csv"))
    assert len(message) < 600


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("left,c0,c1\n", "test_candidates.csv has a header but no rows"),
        ("left\nq\n", "wrong header 'left'\nexpected 'left,c0,c1'"),
        ("left,c0\nq,r\n", "wrong header 'left,c0'\nexpected 'left,c0,c1'"),
        ("left,c1,c2\nq,r,s\n", "wrong header 'left,c1,c2'\nexpected 'left,c0,c1'"),
        (TEST + "q,r,s,t\n", "test_candidates.csv, line 4: left id 'q' stands in line 2 already"),
        (TEST.replace("q,r,s,t", "q,r,s,r"), "test_candidates.csv, line 2: a candidate stands in the list twice"),
        (TEST.replace("q,", "z,"), "test_candidates.csv: no image in {folder}/test/left for 'z' (line 2)"),
        (TEST.replace("u", "z"), "test_candidates.csv: no image in {folder}/test/right for 'z' (line 3)"),
        (TEST.replace("u", ""), "test_candidates.csv, line 3: '' is not an id"),
    ],
)
def test_faults_of_the_lists_are_named(folder: Path, table: str, fault: str) -> None:
    (folder / "test_candidates.csv").write_text(table)
    assert fault.format(folder=folder) in refuse(folder, Competition.test_lists)


def test_a_missing_folder_of_images_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "train/right")
    assert f"no image in {folder}/train/right for 'x' (line 2); 'y' (line 3); 'nan' (line 4)\n" in refuse(
        folder, Competition.train_pairs
    )
    assert "does not exist" in refuse(tmp_path / "none", Competition.train_pairs)


def test_paths_without_a_table_name_the_data(folder: Path) -> None:
    message = refuse(folder, lambda data: data.paths("train/left", ["zzz"]))
    assert message.startswith(f"no image in {folder}/train/left for 'zzz'")


@pytest.mark.parametrize(("name", "plain"), [
    ("a", True), ("007", True), ("a b", True), ("ä.é", True), ("...", True), ("a.jpg", True),
    ("", False), (" ", False), (".", False), ("..", False), (" .. ", False), ("/a", False), ("a\\b", False),
    ("a\nb", False), ("\0", False), ("a\u202eb", False),
])  # fmt: skip
def test_an_id_is_a_plain_name(name: str, plain: bool) -> None:
    assert is_plain_id(name) is plain


def test_without_images_their_pairs_are_left_out_and_lists_are_whole(folder: Path) -> None:
    (folder / "train/right/nan.jpg").unlink()
    data = Competition(folder, frozenset({"train/left/b", "test/right/u"}))
    assert data.listed_pairs().lefts == ("a", "b", "007")
    assert data.train_pairs().lefts == ("a",)
    assert data.train_pairs().rights == ("x",)
    assert "train/left/b.jpg" not in data.image_paths()
    assert data.test_lists().candidates[1] == ("s", "t", "u")
    assert list(data.images("test/right")) == ["r", "s", "t"]
    (folder / "train/left/a.jpg").unlink()
    with pytest.raises(UserError, match="no training pair has two images that can be read\n"):
        Competition(folder, frozenset({"train/left/b"})).train_pairs()


def test_an_id_that_is_none_is_an_error_even_where_an_absent_image_is_not(folder: Path) -> None:
    (folder / "train.csv").write_text(TRAIN + "../x,z\n")
    with pytest.raises(UserError, match=r"line 5: '\.\./x' is not an id"):
        Competition(folder, frozenset()).train_pairs()


def test_an_id_is_found_in_either_normal_form_and_its_own_comes_first(folder: Path) -> None:
    one, two = "\u00e9", "e\u0301"
    (folder / "train/left" / f"{two}.jpg").touch()
    images = Competition(folder).images("train/left")
    assert images[one] == images[two] == f"train/left/{two}.jpg"
    assert one in images
    assert "e" not in images
    assert images.get("e") is None
    assert len(images) == 4
    (folder / "train/left" / f"{one}.jpg").touch()
    images = Competition(folder).images("train/left")
    assert [images[one], images[two]] == [f"train/left/{one}.jpg", f"train/left/{two}.jpg"]
