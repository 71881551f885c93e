"""Collections: what is written is read again, and what cannot be one is refused."""

import zipfile
from pathlib import Path

import pytest

from tlk.data.collection import TABLE, Collection, is_collection, write_collection
from tlk.errors import UserError

ROWS = [
    ("0", "images/0.jpg", 'Ward, "the Elder"', ""),
    ("4582030750001", "images/a b/é.png", "línea\r\n\r\nnueva", "x"),
]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    folder = tmp_path / "paintings"
    assert not is_collection(folder)
    write_collection(folder, ("title", "artist"), ROWS)
    assert is_collection(folder)
    collection = Collection(folder)
    assert (len(collection), collection.name) == (2, "paintings")
    assert collection.ids == ("0", "4582030750001")
    assert collection.paths == ("images/0.jpg", "images/a b/é.png")
    assert collection.columns == ("id", "file", "title", "artist")
    assert collection.column("title") == ('Ward, "the Elder"', "línea\r\n\r\nnueva")
    assert collection.column("artist") == ("", "x")


def test_a_zip_of_a_collection_is_one(tmp_path: Path) -> None:
    write_collection(tmp_path, ("title", "artist"), ROWS)
    with zipfile.ZipFile(tmp_path / "paintings.zip", "w") as archive:
        archive.write(tmp_path / TABLE, TABLE)
    assert Collection(tmp_path / "paintings.zip").ids == Collection(tmp_path).ids


def test_columns_stand_anywhere_and_there_may_be_no_image(tmp_path: Path) -> None:
    (tmp_path / TABLE).write_bytes("\ufefftitle,file,id\r\nT,a.jpg,1\r\n".encode())
    assert (Collection(tmp_path).ids, Collection(tmp_path).paths) == (("1",), ("a.jpg",))
    write_collection(tmp_path, (), [])
    assert len(Collection(tmp_path)) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,title\n1,T\n", "collection.csv has no column 'file'"),
        ("file\na.jpg\n", "collection.csv has no column 'id'"),
        ("id,file\n1,a.jpg\n2,b.jpg\n1,c.jpg\n", "collection.csv, line 4: id '1' stands in line 2 already"),
        ("id,file,title,title\n1,a.jpg,A,B\n", "collection.csv, line 1: column 'title' stands there twice"),
        ("id,file\n1,a.jpg\n2\n", "collection.csv, line 3: 1 cells where the header has 2"),
        ("id,file\n", None),
        *((f"id,file,t\n1,a.jpg,\"\n\"\n{name},b.jpg,\n", "line 4: id ") for name in ("", "a/b", "..", "a\\b")),
        *((f"id,file\n1,{file}\n", "line 2: .* cannot be one") for file in ("", "/a.jpg", "a/../../b", "a\\b")),
    ],
)  # fmt: skip
def test_faults_are_named_by_line(text: str, message: str | None, tmp_path: Path) -> None:
    (tmp_path / TABLE).write_text(text)
    if message is None:
        assert Collection(tmp_path).ids == ()
        return
    with pytest.raises(UserError, match=message) as caught:
        Collection(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no collection\.csv\nmake one: tlk data nga"):
        Collection(tmp_path)
    write_collection(tmp_path, ("title", "artist"), ROWS)
    with pytest.raises(UserError, match="has no column 'style'\nit has id, file, title, artist"):
        Collection(tmp_path).column("style")
