"""Folders that are filled are complete or not there at all."""

from pathlib import Path

import pytest

from tlk.errors import UserError
from tlk.files import filling


def test_an_empty_folder_and_missing_parents_are_fine(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "empty", tmp_path / "new" / "deep"):
        with filling(target) as drawn:
            (drawn / "iiif").mkdir()
            (drawn / "table.csv").write_text("a")
        assert sorted(path.name for path in target.iterdir()) == ["iiif", "table.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "new"]
    assert (tmp_path / "new" / "deep").stat().st_mode == (tmp_path / "new").stat().st_mode


@pytest.mark.parametrize("taken", ["mine", "mine/thesis.txt"])
def test_what_is_there_already_is_left_alone(tmp_path: Path, taken: str):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match=r"exists.*\nchoose another one, or remove it"), filling(tmp_path / taken):
        pytest.fail("nothing should be drawn")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["mine", "mine/thesis.txt"]


def test_a_place_that_cannot_be_written_to_is_a_users_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another place"), filling(tmp_path / "file" / "data"):
        pytest.fail("nothing should be drawn")


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_behind_when_drawing_stops(tmp_path: Path, fault: type[BaseException]):
    def stop() -> None:
        with filling(tmp_path / "data") as drawn:
            (drawn / "half.csv").write_text("a")
            raise fault

    with pytest.raises(fault):
        stop()
    assert list(tmp_path.iterdir()) == []
