"""Images are found by their bare names in zips and folders, whatever these look like inside."""

import zipfile
from pathlib import Path

import pytest

from tlk.data import source as source_module
from tlk.data.archives import Archives
from tlk.errors import UserError


def make_zip(place: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return place


def make_folder(place: Path, entries: dict[str, bytes]) -> Path:
    for name, content in entries.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def content(archives: Archives, name: str) -> bytes | None:
    found = archives.find(name)
    return None if found is None else found.read()


@pytest.mark.parametrize("inside", ["", "train_1/", "down/below/"])
@pytest.mark.parametrize("make", [make_zip, make_folder])
def test_an_image_is_found_by_its_bare_name(make: object, inside: str, tmp_path: Path) -> None:
    files = {f"{inside}102257.jpg": b"1", "__MACOSX/train_1/7.jpg": b"x", f"{inside}._7.jpg": b"x", ".DS_Store": b"x"}
    place = tmp_path / ("train_1.zip" if make is make_zip else "train_1")
    make(place, files)  # type: ignore[operator]
    archives = Archives(tmp_path)
    assert content(archives, "102257.jpg") == b"1"
    assert [archives.find(name) for name in ("7.jpg", "._7.jpg", ".DS_Store", "2.jpg", "train_1/102257.jpg")] == [
        None
    ] * 5


def test_every_archive_is_looked_through_and_nothing_else(tmp_path: Path) -> None:
    for name in ("train", "train_1", "train_9", "test", "train_info.csv", "other", "replacements_for_corrupted_files"):
        make_zip(tmp_path / f"{name}.zip", {f"{name}/{name}.jpg": name.encode()})
    (tmp_path / "train_2").mkdir()
    (tmp_path / "train_2" / "train_2.jpg").write_bytes(b"train_2")
    archives = Archives(tmp_path)
    for name in ("train", "train_1", "train_2", "train_9", "test"):
        assert content(archives, f"{name}.jpg") == name.encode()
    assert archives.find("train_info.csv.jpg") is None
    assert archives.find("other.jpg") is None


def test_a_zip_goes_before_the_folder_unpacked_from_it(tmp_path: Path) -> None:
    make_folder(tmp_path / "test", {"1.jpg": b"old", "2.jpg": b"only here"})
    make_zip(tmp_path / "test.zip", {"test/1.jpg": b"new"})
    archives = Archives(tmp_path)
    assert content(archives, "1.jpg") == b"new"
    assert archives.find("2.jpg") is None


@pytest.mark.parametrize("make", [make_zip, make_folder])
def test_a_replacement_is_taken_instead_of_the_original(make: object, tmp_path: Path) -> None:
    make_zip(tmp_path / "train_1.zip", {"train_1/1.jpg": b"bad", "train_1/2.jpg": b"good"})
    ending = ".zip" if make is make_zip else ""
    make(tmp_path / f"replacements_for_corrupted_files{ending}", {"train/1.jpg": b"mended"})  # type: ignore[operator]
    archives = Archives(tmp_path)
    first, second = archives.find("1.jpg"), archives.find("2.jpg")
    assert first is not None
    assert second is not None
    assert (first.read(), first.is_replacement) == (b"mended", True)
    assert (second.read(), second.is_replacement) == (b"good", False)


def test_places_follow_the_order_on_disk(tmp_path: Path) -> None:
    make_zip(tmp_path / "train_1.zip", {"9.jpg": b"", "3.jpg": b""})
    make_zip(tmp_path / "test.zip", {"5.jpg": b""})
    archives = Archives(tmp_path)
    found = {name: archives.find(name) for name in ("3.jpg", "5.jpg", "9.jpg")}
    assert sorted(found, key=lambda name: found[name].place) == ["5.jpg", "9.jpg", "3.jpg"]  # type: ignore[union-attr]


def test_archives_that_are_missing_or_no_zips_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"neither train_1.zip … nor test.zip"):
        Archives(tmp_path)
    with pytest.raises(UserError, match=r"cannot read .*nowhere: No such file or directory\ncheck --archives"):
        Archives(tmp_path / "nowhere")
    whole = make_zip(tmp_path / "train_3.zip", {f"{i}.jpg": bytes(100) for i in range(9)}).read_bytes()
    for damaged in (b"", b"<html>log in first</html>", whole[:-40]):
        (tmp_path / "train_3.zip").write_bytes(damaged)
        with pytest.raises(UserError, match=r"cannot open .*train_3.zip: .*\ndownload it again") as caught:
            Archives(tmp_path)
        assert len(str(caught.value).split("\n")) <= 3


def test_a_damaged_entry_and_one_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "test.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("1.jpg", b"the right bytes")
        archive.writestr("2.jpg", bytes(101))
    place.write_bytes(place.read_bytes().replace(b"the right", b"the wrong"))
    monkeypatch.setattr(source_module, "MAX_FILE_BYTES", 100)
    archives = Archives(tmp_path)
    with pytest.raises(UserError, match=r"test.zip/1.jpg: Bad CRC-32"):
        content(archives, "1.jpg")
    with pytest.raises(UserError, match="unpack to 101 bytes"):
        content(archives, "2.jpg")
