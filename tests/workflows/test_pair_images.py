"""Two images that are named: where they lie, and what stands in place of what."""

import shutil
from pathlib import Path

import pytest

from tlk.data.competition import Competition
from tlk.errors import UserError
from tlk.workflows.pair_images import find_images


def test_the_same_image_by_its_id_its_path_in_the_data_and_its_file(competition_folder: Path) -> None:
    left = Competition(competition_folder).train_pairs().lefts[0]
    path = f"train/left/{left}.jpg"
    for name in (left, path, str(competition_folder / path)):
        found = find_images(competition_folder, (name, left))
        assert found.names == (name, left)
        assert found.paths == (path, path)
        assert found.content(0) == (competition_folder / path).read_bytes()


def test_an_image_from_elsewhere(competition_folder: Path, workspace_folder: Path) -> None:
    left = Competition(competition_folder).train_pairs().lefts[0]
    shutil.copy(competition_folder / f"train/left/{left}.jpg", "new.jpg")
    found = find_images(competition_folder, ("new.jpg", left))
    assert found.paths == (str(workspace_folder / "new.jpg"), f"train/left/{left}.jpg")
    assert found.content(0) == found.content(1)
    assert find_images(Path("nowhere"), ("new.jpg", "new.jpg")).content(1) == found.content(0)


def test_an_id_that_both_sides_have_is_a_left_image_on_the_left(competition_folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(competition_folder, data)
    left, right = (Competition(data).train_pairs().lefts[0], Competition(data).train_pairs().rights[0])
    shutil.copy(data / f"train/right/{right}.jpg", data / f"train/right/{left}.jpg")
    assert find_images(data, (left, left)).paths == (f"train/left/{left}.jpg", f"train/right/{left}.jpg")


def test_what_is_not_there_or_no_image_is_said_by_its_own_name(
    competition_folder: Path, workspace_folder: Path
) -> None:
    left = Competition(competition_folder).train_pairs().lefts[0]
    Path("no.jpg").write_text("nothing")
    for name, message in (("nobody", "there is no file nobody, nor"), ("no.jpg", r"cannot decode no\.jpg")):
        with pytest.raises(UserError, match=message):
            find_images(competition_folder, (left, name))
    with pytest.raises(UserError, match=r"there is no file a\.jpg, and data does not exist"):
        find_images(Path("data"), ("a.jpg", "no.jpg"))
