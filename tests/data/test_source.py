"""Folders and zips, read alike."""

import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlk.data import source as module
from tlk.data.source import FolderSource, ZipSource, open_source
from tlk.errors import UserError

FILES = {
    "train.csv": b"left,right\n",
    "train/left/b.jpg": b"1",
    "train/left/a.jpg": b"22",
    "train/left/.hidden": b"3",
    "train/left/deeper/c.jpg": b"4",
}


def make_folder(place: Path) -> Path:
    for name, content in FILES.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def make_zip(place: Path, prefix: str = "", compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(place, "w", compression) as archive:
        archive.mkdir(f"{prefix}train/left/empty.jpg")
        for name, content in FILES.items():
            archive.writestr(prefix + name, content)
    return place


@pytest.fixture(params=["folder", "zip", "nested zip", "compressed zip"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "folder":
        return make_folder(tmp_path / "set")
    prefix = "down/one/" if request.param == "nested zip" else ""
    compression = zipfile.ZIP_DEFLATED if request.param == "compressed zip" else zipfile.ZIP_STORED
    return make_zip(tmp_path / "set.ZIP", prefix, compression)


def test_every_kind_of_source_reads_alike(location: Path) -> None:
    source = open_source(location)
    assert (source.name, source.location) == ("set", location)
    assert source.read("train/left/a.jpg") == b"22"
    assert source.exists("train.csv")
    assert not source.exists("train/left")
    assert not source.exists("test.csv")
    assert source.files("train/left") == ["a.jpg", "b.jpg"]
    assert source.files("test/left") == []
    assert source.files("train.csv") == []


def test_a_zip_with_the_slashes_of_windows_reads_alike(tmp_path: Path) -> None:
    """Compress-Archive of old PowerShells writes them, and an entry for each folder."""
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name, content in {
            "down/": b"",
            "down/train/left/": b"",
            **{f"down/{n}": c for n, c in FILES.items()},
        }.items():
            entry = zipfile.ZipInfo()
            entry.filename = name.replace("/", "\\")
            archive.writestr(entry, content)
    source = open_source(tmp_path / "set.zip")
    assert source.read("train/left/a.jpg") == b"22"
    assert source.exists("train.csv")
    assert source.files("train/left") == ["a.jpg", "b.jpg"]
    assert source.files("train") == []


def test_a_file_that_is_not_there_is_named(location: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*/train/left/zzz.jpg: "):
        open_source(location).read("train/left/zzz.jpg")


def test_what_is_neither_folder_nor_zip_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data .*none does not exist\nname the data with --data or TLK_DATA"):
        open_source(tmp_path / "none")
    (tmp_path / "a.rar").write_bytes(b"x")
    with pytest.raises(UserError, match=r"data .*a.rar is neither a folder nor a .zip"):
        open_source(tmp_path / "a.rar")
    with pytest.raises(UserError, match="does not exist"):
        open_source(tmp_path / ("x" * 5000))


def test_the_folder_is_called_by_its_real_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_folder(tmp_path / "set"))
    assert open_source(Path(".")).name == "set"


def test_strays_of_a_mac_do_not_hide_the_data(tmp_path: Path) -> None:
    place = tmp_path / "set.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("__MACOSX/train.csv", b"not this")
        archive.writestr(".DS_Store", b"")
        archive.writestr("inner/backup/old/train.csv", b"nor this")
        archive.writestr("inner/train.csv", b"this")
    assert ZipSource(place).read("train.csv") == b"this"


def test_a_zip_without_tables_is_read_from_its_top(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/y.jpg", b"1")
    assert ZipSource(tmp_path / "a.zip").files("x") == ["y.jpg"]


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06"])
def test_a_damaged_zip_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"cannot open .*a.zip: .*\ndownload it again, or give the unpacked folder"):
        open_source(tmp_path / "a.zip")


def test_a_cut_zip_is_named(tmp_path: Path) -> None:
    place = make_zip(tmp_path / "a.zip")
    place.write_bytes(place.read_bytes()[:-30])
    with pytest.raises(UserError, match="cannot open"):
        open_source(place)


def test_an_entry_without_a_name_is_damage(tmp_path: Path) -> None:
    place = make_zip(tmp_path / "a.zip")
    data = bytearray(place.read_bytes())
    at = data.find(b"PK\x01\x02", data.find(b"PK\x01\x02") + 1)
    data[at + 28] = 0  # the length of its name in the directory
    place.write_bytes(data)
    with pytest.raises(UserError, match="cannot open"):
        open_source(place)


def test_an_entry_whose_bytes_have_changed_is_named(tmp_path: Path) -> None:
    place = make_zip(tmp_path / "a.zip")
    place.write_bytes(place.read_bytes().replace(b"left,right\n", b"left;right\n", 1))
    with pytest.raises(UserError, match=r"cannot read .*a.zip/train.csv: Bad CRC-32.*\ndownload the zip again"):
        ZipSource(place).read("train.csv")


def test_an_encrypted_entry_is_named(tmp_path: Path) -> None:
    place = make_zip(tmp_path / "a.zip")
    data = bytearray(place.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flags in both headers of each entry
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(signature, at + 4)
    place.write_bytes(data)
    with pytest.raises(UserError, match=r"cannot read .*train.csv: .*encrypted") as caught:
        ZipSource(place).read("train.csv")
    assert len(str(caught.value).split("\n")) <= 3


def test_an_entry_larger_than_any_such_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_zip(tmp_path / "a.zip")
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 1)
    assert ZipSource(place).read("train/left/b.jpg") == b"1"
    with pytest.raises(UserError, match=r"cannot read .*train/left/a.jpg: it would unpack to 2 bytes"):
        ZipSource(place).read("train/left/a.jpg")


def test_an_unreadable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = FolderSource(make_folder(tmp_path / "set"))

    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError, match=r"cannot read .*train/left: Permission denied"):
        source.files("train/left")


def test_nothing_is_unpacked_and_links_are_only_bytes(tmp_path: Path) -> None:
    place = tmp_path / "a.zip"
    with zipfile.ZipFile(place, "w") as archive:
        link = zipfile.ZipInfo("train/left/link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("../../outside.jpg", b"x")
    source = ZipSource(place)
    assert source.read("train/left/link.jpg") == b"/etc/passwd"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip"]


@given(st.data())
def test_a_zip_with_any_bytes_changed_reads_or_is_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    place = tmp_path_factory.getbasetemp() / "changed.zip"
    content = bytearray(make_zip(place, compression=data.draw(st.sampled_from([0, 8, 12, 14]))).read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[at] = data.draw(st.integers(0, 255))
    place.write_bytes(content)
    message = ""
    try:
        source = open_source(place)
        for name in source.files("train/left"):
            source.read(f"train/left/{name}")
    except UserError as error:
        message = str(error)
    assert len(message.split("\n")) <= 3
