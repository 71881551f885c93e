"""The stand-in for Painter by Numbers: the real one's files, columns and faults."""

import csv
import hashlib
import io
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import REAL_DATA
from tlk.data.images import decode_image
from tlk.data.standins import draw_painters
from tlk.data.standins.painters import HEADER
from tlk.errors import UserError

REAL = REAL_DATA / "painters" / "all_data_info.60-rows.csv"

ARTISTS, PAINTINGS = 12, 4
ARCHIVES = ("train_1", "train_2", "test")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("painters") / "archives"
    draw_painters(target, ARTISTS, PAINTINGS, seed=2)
    return target


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, bytes]:
    """The files of the archives, by name of the archive and of the file."""
    stored: dict[str, bytes] = {}
    for name in ARCHIVES:
        with zipfile.ZipFile(folder / f"{name}.zip") as archive:
            stored.update({entry: archive.read(entry) for entry in archive.namelist() if not entry.endswith("/")})
    return stored


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "all_data_info.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def is_whole(data: bytes) -> bool:
    try:
        decode_image(data, "it")
    except UserError:
        return False
    return True


def test_has_exactly_the_competitions_files(folder: Path):
    assert {path.name for path in folder.iterdir()} == {
        "all_data_info.csv", "submission_info.csv", "train_1.zip", "train_2.zip", "test.zip",
        "replacements_for_corrupted_files.zip",
    }  # fmt: skip


def test_the_header_is_the_real_one(folder: Path):
    line = (folder / "all_data_info.csv").read_text(encoding="utf-8").splitlines()[0]
    assert line == (
        "artist,date,genre,pixelsx,pixelsy,size_bytes,source,style,title,artist_group,in_train,new_filename"
    )
    if REAL.is_file():
        assert line == REAL.read_text(encoding="utf-8").splitlines()[0] == ",".join(HEADER)


def test_each_row_has_its_file_in_the_archive_of_its_half(folder: Path, files: dict[str, bytes]):
    rows = table(folder)
    assert len({row["new_filename"] for row in rows}) == len(rows) == len(files)
    halves = {name: row["in_train"] for row in rows for name in [row["new_filename"]]}
    for entry in files:
        archive, name = entry.split("/")
        assert halves[name] == str(archive != "test")
    assert {entry.split("/")[0] for entry in files} == set(ARCHIVES)


def test_sizes_in_the_table_are_those_of_the_images(folder: Path, files: dict[str, bytes]):
    by_name = {entry.split("/")[1]: data for entry, data in files.items()}
    for row in table(folder):
        data = by_name[row["new_filename"]]
        if is_whole(data):
            with Image.open(io.BytesIO(data)) as image:
                assert (f"{image.width}.0", f"{image.height}.0") == (row["pixelsx"], row["pixelsy"])
            assert row["size_bytes"] == f"{len(data)}.0"


def test_artists_are_in_the_halves_that_their_group_says(folder: Path):
    halves: dict[str, set[str]] = {}
    groups: dict[str, str] = {}
    for row in table(folder):
        halves.setdefault(row["artist"], set()).add(row["in_train"])
        assert groups.setdefault(row["artist"], row["artist_group"]) == row["artist_group"]
    expected = {"train_only": {"True"}, "test_only": {"False"}, "train_and_test": {"True", "False"}}
    assert all(halves[artist] == expected[group] for artist, group in groups.items())
    count = Counter(groups.values())
    assert min(count.values()) >= 1
    assert len(count) == 3
    assert count["train_and_test"] > ARTISTS / 2


def test_artists_have_uneven_numbers_of_paintings(tmp_path: Path):
    draw_painters(tmp_path / "more", 8, 8)
    counts = Counter(row["artist"] for row in table(tmp_path / "more")).values()
    assert min(counts) >= 4
    assert max(counts) <= 16
    assert len(set(counts)) > 2


def test_what_people_typed_into_the_table_is_as_mixed_as_in_the_real_one(folder: Path):
    rows = table(folder)
    dates = [row["date"] for row in rows]
    assert "" in dates
    for sign in (".0", "c.", " "):
        assert any(sign in date for date in dates)
    assert any(date.isdigit() for date in dates)
    assert any(row["title"].endswith(" ") for row in rows)
    assert any("," in row["title"] for row in rows)
    artists = {row["artist"] for row in rows}
    assert {"Evening above the Harbour", "Fairweather, George, Jr.", "Þórný Ægisdóttir"} <= artists
    assert {"", "wikiart"} <= {row["source"] for row in rows}


def test_known_corrupt_files_are_whole_among_the_replacements(folder: Path, files: dict[str, bytes]):
    corrupt = {entry for entry, data in files.items() if not is_whole(data)}
    with zipfile.ZipFile(folder / "replacements_for_corrupted_files.zip") as archive:
        whole = {entry for entry in archive.namelist() if is_whole(archive.read(entry))}
    assert whole == {"train/3917.jpg", "train/41945.jpg", "train/101947.jpg", "test/18649.jpg"}
    lost = {entry for entry in corrupt if f"{entry.split('/')[0].split('_')[0]}/{entry.split('/')[1]}" not in whole}
    assert len(corrupt) == len(whole) + 1
    assert len(lost) == 1
    assert lost.pop().startswith("train_")
    assert sum(not files[entry] for entry in corrupt) == 1  # an empty file


def test_one_image_is_huge_and_two_are_of_other_modes(files: dict[str, bytes]):
    modes = Counter()
    for entry, data in files.items():
        if is_whole(data):
            with Image.open(io.BytesIO(data)) as image:
                modes[image.mode] += 1
                assert (image.size == (3000, 2500)) == entry.endswith("/102257.jpg")
    assert modes["CMYK"] == modes["L"] == 1
    assert any(entry.endswith("/102257.jpg") for entry in files)


def test_one_picture_has_two_names(folder: Path, files: dict[str, bytes]):
    digests = Counter(hashlib.sha256(data).digest() for data in files.values())
    assert sorted(digests.values())[-2:] == [1, 2]
    twice = next(digest for digest, count in digests.items() if count == 2)
    names = [entry for entry, data in files.items() if hashlib.sha256(data).digest() == twice]
    assert all(name.startswith("train_") for name in names)
    rows = [row for row in table(folder) if any(name.endswith(f"/{row['new_filename']}") for name in names)]
    assert len({row["artist"] for row in rows}) == 1


def test_the_submission_compares_test_images_by_name(folder: Path):
    with (folder / "submission_info.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["index", "image1", "image2"]
    assert [row[0] for row in rows] == [str(i) for i in range(len(rows))]
    tests = {row["new_filename"] for row in table(folder) if row["in_train"] == "False"}
    assert {name for row in rows for name in row[1:]} == tests


def test_same_seed_same_bytes_other_seed_other_pictures(folder: Path, files: dict[str, bytes], tmp_path: Path):
    draw_painters(tmp_path / "again", ARTISTS, PAINTINGS, seed=2)
    draw_painters(tmp_path / "other", ARTISTS, PAINTINGS, seed=3)
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
        assert (tmp_path / "other" / path.name).read_bytes() != path.read_bytes()
    with zipfile.ZipFile(tmp_path / "other" / "test.zip") as archive:
        others = {archive.read(entry) for entry in archive.namelist() if not entry.endswith("/")}
    assert not others & set(files.values())


@pytest.mark.parametrize(("artists", "paintings"), [(7, 12), (12, 3), (10_000, 12)])
def test_impossible_counts_are_refused(tmp_path: Path, artists: int, paintings: int):
    with pytest.raises(UserError, match=f"{artists} artists with {paintings} paintings each.*\nask for at least 8"):
        draw_painters(tmp_path / "data", artists, paintings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_one_holds_every_trap(tmp_path: Path, seed: int):
    draw_painters(tmp_path / "small", 8, 4, seed)
    names = {row["new_filename"] for row in table(tmp_path / "small")}
    assert {"3917.jpg", "41945.jpg", "101947.jpg", "18649.jpg", "102257.jpg"} <= names
