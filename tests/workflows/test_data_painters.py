"""A dozen images in the competition's archives become a collection; every row is accounted for."""

import csv
import io
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tlk.data.collection import Collection
from tlk.data.images import decode_image
from tlk.errors import UserError
from tlk.workflows import data_painters as module
from tlk.workflows.data_painters import PaintersDone, make_painters
from tlk.workflows.progress import Silent

HEADER = "artist,date,genre,style,title,artist_group,in_train,new_filename"
SIZE = 64
TRAIN = ("102257", "11", "12", "13", "3917")  # the first larger than SIZE, the last known to be corrupt
TEST = ("21", "22", "18649", "20153")
ROWS = [f"Artist {int(name) % 3} ,1888.0,g,s,T {name},group,{name in TRAIN},{name}.jpg" for name in TRAIN + TEST]
DONE = PaintersDone(
    rows=9, written=7, already_there=0, replaced=1, known_corrupt=2, failed=0, without_image=0, artists=3
)


class Recorder(Silent):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[tuple[int, int]] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def track(self, what: str) -> AbstractContextManager[Callable[..., None]]:
        from contextlib import nullcontext

        return nullcontext(lambda done, total, detail="": self.steps.append((done, total)))


def picture(size: tuple[int, int], grey: int = 90) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (grey,) * 3).save(file, "JPEG")
    return file.getvalue()


def add(place: Path, entries: dict[str, bytes]) -> None:
    with zipfile.ZipFile(place, "a", zipfile.ZIP_STORED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    """The table, two training zips (one nested, one flat), the test zip and a replacement for one of three."""
    folder = tmp_path / "archives"
    folder.mkdir()
    (folder / "all_data_info.csv").write_text("\n".join([HEADER, *ROWS]) + "\n")
    add(folder / "train_1.zip", {f"train_1/{name}.jpg": picture((40, 30), 10 * len(name)) for name in TRAIN[1:3]})
    add(folder / "train_1.zip", {"train_1/102257.jpg": picture((200, 100)), "train_1/3917.jpg": b"corrupt"})
    add(folder / "train_2.zip", {f"{TRAIN[3]}.jpg": picture((30, 40)), "__MACOSX/._13.jpg": b"x"})
    add(folder / "test.zip", {f"test/{name}.jpg": picture((30, 30)) for name in TEST})
    add(folder / "replacements_for_corrupted_files.zip", {"train/3917.jpg": picture((20, 20), 200)})
    return folder


def failures(out: Path) -> list[list[str]]:
    return list(csv.reader((out / "failures.csv").read_text().splitlines()))


def test_archives_become_a_collection(archives: Path, tmp_path: Path) -> None:
    out, recorder = tmp_path / "out", Recorder()
    assert make_painters(archives, out, SIZE, None, recorder) == DONE
    collection = Collection(out)
    assert collection.ids == ("102257", "11", "12", "13", "3917", "21", "22")
    assert collection.columns == (
        "id", "file", "artist", "title", "style", "genre", "date", "year", "artist_group", "in_train"
    )  # fmt: skip
    assert collection.column("artist")[:2] == (f"Artist {102257 % 3}", f"Artist {11 % 3}")
    assert (collection.column("date")[0], collection.column("year")[0]) == ("1888.0", "1888")
    assert set(collection.column("in_train")) == {"True", "False"}
    images = {name: collection.source.read(path) for name, path in zip(collection.ids, collection.paths, strict=True)}
    assert images["13"] == picture((30, 40))
    assert decode_image(images["102257"], "x").shape == (32, 64, 3)
    assert decode_image(images["3917"], "x").mean() > 190
    assert sorted(path.name for path in (out / "images").iterdir()) == sorted(f"{name}.jpg" for name in images)
    assert recorder.steps == [(i, 7) for i in range(1, 8)]


def test_known_corrupt_files_without_replacement_are_left_out_with_a_note(archives: Path, tmp_path: Path) -> None:
    recorder = Recorder()
    make_painters(archives, tmp_path / "out", SIZE, None, recorder)
    (note,) = recorder.notes
    assert "18649; 20153" in note
    why = "known to be corrupt, and there is no replacement"
    assert failures(tmp_path / "out") == [
        ["id", "archive", "why"], ["18649", "test.zip", why], ["20153", "test.zip", why]
    ]  # fmt: skip


def test_a_second_call_makes_only_what_is_missing(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    make_painters(archives, out, SIZE, None, Silent())
    table = (out / "collection.csv").read_bytes()
    (out / "images" / "13.jpg").unlink()
    (out / "collection.csv").unlink()
    asked: list[str] = []
    make = module.make_thumbnail
    monkeypatch.setattr(module, "make_thumbnail", lambda *given: asked.append(given[1]) or make(*given))  # type: ignore[func-returns-value]
    assert make_painters(archives, out, SIZE, None, Silent()) == replace(DONE, written=1, already_there=6)
    assert asked == ["13.jpg"]
    assert (out / "collection.csv").read_bytes() == table


def test_an_interrupted_call_leaves_whole_files_and_no_table(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, make = tmp_path / "out", module.make_thumbnail

    def interrupt(data: bytes, name: str, size: int) -> bytes:
        if name == "train_1/102257.jpg":
            raise KeyboardInterrupt
        return make(data, name, size)

    monkeypatch.setattr(module, "make_thumbnail", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_painters(archives, out, SIZE, None, Silent())
    assert not (out / "collection.csv").exists()
    for path in (out / "images").iterdir():
        decode_image(path.read_bytes(), path.name)
    monkeypatch.undo()
    done = make_painters(archives, out, SIZE, None, Silent())
    assert done.written + done.already_there == 7
    assert done.already_there >= 1


def test_broken_encrypted_damaged_and_missing_images_are_listed_and_counted(archives: Path, tmp_path: Path) -> None:
    names = ("90001", "90002", "90003", "90004")
    with (archives / "all_data_info.csv").open("a") as table:
        table.writelines(f"Lost artist,,,,,,True,{name}.jpg\n" for name in names)
    place = archives / "train_5.zip"
    add(place, {"90001.jpg": picture((40, 30))[:300], "90002.jpg": b"secret bytes", "90003.jpg": b"the right bytes"})
    data = place.read_bytes().replace(b"the right", b"the wrong")
    at = data.index(b"90002.jpg", data.index(b"PK\x01\x02")) - 46
    place.write_bytes(data[: at + 8] + b"\x01" + data[at + 9 :])  # the bit that says: encrypted
    done = make_painters(archives, tmp_path / "out", SIZE, None, Silent())
    assert done == replace(DONE, rows=13, failed=3, without_image=1)
    rows = {name: (archive, why) for name, archive, why in failures(tmp_path / "out")[1:]}
    assert set(rows) == {"18649", "20153", *names}
    assert [rows[name][0] for name in names] == ["train_5.zip"] * 3 + [""]
    for name, expected in zip(names, ("cannot decode", "encrypted", "Bad CRC-32", "in no archive"), strict=True):
        assert expected in rows[name][1]
    assert not set(rows) & set(Collection(tmp_path / "out").ids)


def test_limit_takes_the_first_rows(archives: Path, tmp_path: Path) -> None:
    done = make_painters(archives, tmp_path / "out", SIZE, 2, Silent())
    assert (done.rows, done.written) == (2, 2)
    assert Collection(tmp_path / "out").ids == ("102257", "11")
    assert make_painters(archives, tmp_path / "out", SIZE, None, Silent()) == replace(DONE, written=5, already_there=2)


def test_a_folder_that_holds_something_else_is_refused(archives: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_painters(archives, out, SIZE, 1, Silent())
    with pytest.raises(UserError, match=r"were made with --size 64\nkeep to that"):
        make_painters(archives, out, 32, 1, Silent())
    (out / "painters.json").write_text("{")
    with pytest.raises(UserError, match=r"cannot read .*painters.json"):
        make_painters(archives, out, SIZE, 1, Silent())
    (out / "painters.json").unlink()
    with pytest.raises(UserError, match="holds another collection"):
        make_painters(archives, out, SIZE, 1, Silent())


def test_a_bad_archive_stops_it_before_anything_is_written(archives: Path, tmp_path: Path) -> None:
    (archives / "train_7.zip").write_bytes(b"<html>log in first</html>")
    with pytest.raises(UserError, match=r"cannot open .*train_7.zip"):
        make_painters(archives, tmp_path / "out", SIZE, None, Silent())
    assert not (tmp_path / "out").exists()
