"""The two pictures: ids of a competition, of a collection or of a folder, and any files."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlk.data.collection import write_collection
from tlk.data.competition import Competition
from tlk.data.images import decode_image
from tlk.errors import UserError
from tlk.workflows.explain_images import find_pair


def pixels_at(path: Path) -> np.ndarray:
    return decode_image(path.read_bytes(), "")


def test_plain_ids_of_a_competition_are_looked_for_on_their_own_side(competition_folder: Path) -> None:
    pairs = Competition(competition_folder).train_pairs()
    left, right = find_pair(competition_folder, pairs.lefts[0], pairs.rights[0])
    assert (left.name, right.name) == (pairs.lefts[0], pairs.rights[0])
    np.testing.assert_array_equal(left.pixels, pixels_at(competition_folder / f"train/left/{pairs.lefts[0]}.jpg"))
    np.testing.assert_array_equal(right.pixels, pixels_at(competition_folder / f"train/right/{pairs.rights[0]}.jpg"))


def test_the_other_side_the_test_half_and_whole_ids(competition_folder: Path) -> None:
    competition = Competition(competition_folder)
    query = competition.test_lists().queries[0]
    own = competition.train_pairs().lefts[1]
    one, two = find_pair(competition_folder, query, own)  # a left image stands on the right
    np.testing.assert_array_equal(one.pixels, pixels_at(competition_folder / f"test/left/{query}.jpg"))
    np.testing.assert_array_equal(two.pixels, pixels_at(competition_folder / f"train/left/{own}.jpg"))
    whole, _ = find_pair(competition_folder, f"train/left/{own}.jpg", own)
    np.testing.assert_array_equal(whole.pixels, two.pixels)


def test_two_files_need_no_data(workspace_folder: Path) -> None:
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (9, 9), colour).save(name)
    left, right = find_pair(Path("data"), "a.png", str(workspace_folder / "b.png"))
    assert (left.pixels[0, 0].tolist(), right.pixels[0, 0].tolist()) == ([255, 0, 0], [0, 0, 255])
    with pytest.raises(UserError, match="data does not exist"):
        find_pair(Path("data"), "a.png", "c")


def test_a_collection(competition_folder: Path, workspace_folder: Path) -> None:
    file = next((competition_folder / "train/left").iterdir())
    (workspace_folder / "art").mkdir()
    shutil.copy(file, workspace_folder / "art")
    write_collection(workspace_folder / "art", (), [("n1", file.name)])
    left, right = find_pair(workspace_folder / "art", "n1", str(file))
    np.testing.assert_array_equal(left.pixels, right.pixels)


def test_what_is_not_there_or_no_image_is_said(competition_folder: Path, workspace_folder: Path) -> None:
    Path("no.jpg").write_text("nothing")
    own = Competition(competition_folder).train_pairs().lefts[0]
    with pytest.raises(UserError, match="nobody"):
        find_pair(competition_folder, own, "nobody")
    with pytest.raises(UserError, match=r"no\.jpg"):
        find_pair(competition_folder, own, "no.jpg")
