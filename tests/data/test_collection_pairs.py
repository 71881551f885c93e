"""Both tables of a collection: read as they are written, refused where they cannot belong together."""

from pathlib import Path

import pytest

from tlk.data.collection import Collection, write_collection
from tlk.data.collection_pairs import PAIRS_HEADER, PARTS_HEADER, CollectionPairs, read_pairs
from tlk.data.parts import LEFT_OUT, TEST, TRAIN, VALIDATION
from tlk.errors import UserError
from tlk.tables import format_table

IDS = ("a", "b", "c", "d", "e", "f", "g")  # the last was left out
PARTS = [
    ("a", "0", "train"),
    ("c", "1", "train"),
    ("b", "1", "train"),
    ("d", "2", "validation"),
    ("f", "4", "test"),
    ("e", "3", "test"),
]
PAIRS = [
    ("c", "a", "1", "sitter", "train"),
    ("c", "b", "0", "sitter", "train"),
    ("f", "e", "1", "artist", "test"),
    ("f", "e", "1", "sitter", "test"),
]


def read(folder: Path, parts: list[tuple[str, ...]] = PARTS, pairs: list[tuple[str, ...]] = PAIRS) -> CollectionPairs:
    write_collection(folder, ("artist",), [(name, f"{name}.jpg", "x") for name in IDS])
    (folder / "parts.csv").write_text(format_table(PARTS_HEADER, parts))
    (folder / "pairs.csv").write_text(format_table(PAIRS_HEADER, pairs))
    return read_pairs(Collection(folder), folder)


def refusal(folder: Path, parts: list[tuple[str, ...]] = PARTS, pairs: list[tuple[str, ...]] = PAIRS) -> str:
    with pytest.raises(UserError) as caught:
        read(folder, parts, pairs)
    message = str(caught.value)
    assert len(message.split("\n")) <= 3
    return message


def changed(rows: list[tuple[str, ...]], row: int, column: int, text: str) -> list[tuple[str, ...]]:
    copy = [list(cells) for cells in rows]
    copy[row][column] = text
    return [tuple(cells) for cells in copy]


def test_images_and_pairs_are_numbered_as_in_the_collection(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.image_part.tolist() == [TRAIN, TRAIN, TRAIN, VALIDATION, TEST, TEST, LEFT_OUT]
    assert found.left.tolist() == [2, 2, 5, 5]
    assert found.right.tolist() == [0, 1, 4, 4]
    assert found.match.tolist() == [True, False, True, True]
    assert found.part.tolist() == [TRAIN, TRAIN, TEST, TEST]
    assert found.rules == ("sitter", "artist")  # as they come
    assert found.rule.tolist() == [0, 0, 1, 0]


def test_images_of_one_group_share_it_and_one_that_was_left_out_is_alone(tmp_path: Path) -> None:
    group = read(tmp_path, changed(PARTS, 0, 1, "6")).group  # the number that the last image has as its own
    assert group[1] == group[2]
    assert len(set(group.tolist())) == 6
    assert (group[:-1] != group[-1]).all()


@pytest.mark.parametrize("name", ["parts.csv", "pairs.csv"])
def test_tables_that_have_not_been_made_are_asked_for(tmp_path: Path, name: str) -> None:
    read(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=rf"has no {name}\nmake parts and pairs: tlk data pairs"):
        read_pairs(Collection(tmp_path), tmp_path)


@pytest.mark.parametrize(
    ("row", "column", "text", "fault"),
    [
        (1, 0, "z", "line 3: 'z' is none of the collection's"),
        (1, 1, "1.5", "line 3: group '1.5' is no whole number"),
        (1, 1, "-1", "line 3: group '-1' is no whole number"),
        (1, 1, "9" * 40, "line 3: group '99999999999999999999' is no whole number"),
        (1, 2, "", "line 3: '' is none of"),
        (1, 2, "Test", "line 3: 'Test' is none of"),
        (1, 0, "a", "line 3: id 'a' stands in line 2 already"),
    ],
)
def test_faults_of_the_parts_are_named(tmp_path: Path, row: int, column: int, text: str, fault: str) -> None:
    assert f"parts.csv, {fault}" in refusal(tmp_path, changed(PARTS, row, column, text))


@pytest.mark.parametrize(
    ("row", "column", "text", "fault"),
    [
        (0, 0, "z", "line 2: 'z' is none of"),
        (3, 1, "", "line 5: '' is none of"),
        (1, 2, "2", "line 3: '2' is none of"),
        (2, 3, "artist+painter", "line 4: there is no rule 'artist+painter'"),
        (1, 4, "all", "line 3: 'all' is none of"),
        (0, 1, "c", "line 2: not two images of the train part"),  # with itself
        (0, 1, "d", "line 2: not two images of the train part"),
        (2, 0, "a", "line 4: not two images of the test part"),
        (2, 4, "validation", "line 4: not two images of the validation part"),
        (3, 1, "g", "line 5: not two images of the test part"),  # was left out
    ],
)
def test_faults_of_the_pairs_are_named(tmp_path: Path, row: int, column: int, text: str, fault: str) -> None:
    message = refusal(tmp_path, pairs=changed(PAIRS, row, column, text))
    assert f"pairs.csv, {fault}" in message
    assert f"tlk data pairs {tmp_path}" in message


def test_pairs_of_another_division_are_refused(tmp_path: Path) -> None:
    swapped = [(name, group, {"train": "test", "test": "train"}.get(part, part)) for name, group, part in PARTS]
    assert "not two images of the train part, as parts.csv has it" in refusal(tmp_path, swapped)


def test_tables_without_rows_or_with_another_header_are_said(tmp_path: Path) -> None:
    assert "pairs.csv has a header but no rows" in refusal(tmp_path, pairs=[])
    assert "parts.csv has a header but no rows" in refusal(tmp_path, parts=[])
    read(tmp_path)
    (tmp_path / "pairs.csv").write_text("left,right,match\na,b,1\n")
    with pytest.raises(UserError, match="wrong header"):
        read_pairs(Collection(tmp_path), tmp_path)


def test_a_group_in_two_parts_is_said(tmp_path: Path) -> None:
    message = refusal(tmp_path, changed(PARTS, 4, 1, "1"))
    assert "parts.csv, line 6: its group has images in the train part, too\nkeep each group in one part" in message
