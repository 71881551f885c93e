"""The open data of the National Gallery of Art: what is read, joined, left out and refused."""

import csv
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REAL_DATA
from tlk.data.nga import OBJECTS, Counted, Picture, Work, media, published, terms, works
from tlk.data.standins import draw_nga
from tlk.errors import UserError

REAL = REAL_DATA / "nga"
real = pytest.mark.skipif(not REAL.is_dir(), reason="no real tables here")
ADDRESS = "http://127.0.0.1:8080/iiif"
PUBLISHED = "iiifurl,iiifthumburl,viewtype,sequence,maxpixels,openaccess,depictstmsobjectid"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nga") / "opendata"
    draw_nga(folder, ADDRESS, sitters=6, seed=2)
    return folder


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def write(folder: Path, name: str, *lines: str) -> Path:
    (folder / f"{name}.csv").write_bytes("\n".join(lines).encode())
    return folder


def test_objects_by_id_in_one_line_each(tmp_path: Path) -> None:
    write(
        tmp_path, "objects", "\ufefftitle,objectid,uuid,classification,attribution,beginyear,endyear,note",
        '"Saint\r\n\r\nJames,  Major",0,u,Painting,Grifo di Tancredi,1310,1311,"a\r\n\r\nb"',
        ",4582030750001,u,Print,,,,",
    )  # fmt: skip
    counted = Counted()
    assert works(tmp_path, counted) == {
        "0": Work("0", "Saint James, Major", "Grifo di Tancredi", "Painting", "", "1310", "1311"),
        "4582030750001": Work("4582030750001", "", "", "Print", "", "", ""),
    }
    assert counted.rows == {"objects": 2}


def test_a_theme_comes_with_its_family_and_a_pose_is_one_wherever_it_stands(tmp_path: Path) -> None:
    write(
        tmp_path, "objects_terms", "termid,objectid,termtype,term,visualbrowsertheme",
        "1,0,Theme,Bust facing left,Portrait", "2,0,Theme,male,portrait", "3,0,School,Italian Bust,",
        "4,0,Keyword,Man,", "5,7,Keyword,seated,", "6,7,Theme,landscape,", "7,8,Theme,portrait,animal",
        "8,9,Theme,portrait,",
    )  # fmt: skip
    counted = Counted()
    assert terms(tmp_path, counted) == {
        "0": ({"bust facing left", "male", "portrait"}, {"bust facing left"}),
        "7": ({"landscape"}, {"seated"}),
        "8": ({"animal"}, set()),  # the portrait of an animal is none in the family of portraits
        "9": ({"portrait"}, set()),
    }
    assert counted.rows == {"terms": 8}
    write(tmp_path, "objects_terms", "objectid,termtype,term", "0,Theme,portrait", "0,Theme,male")
    assert terms(tmp_path, Counted()) == {"0": ({"portrait", "male"}, set())}


def test_the_address_asks_for_no_more_than_is_allowed(tmp_path: Path) -> None:
    row = '{0}/{1},"{0}/{1}/full/!200,200/0/default.jpg",primary,0,{2},{3},{1}'.format
    lines = [row(ADDRESS, *cells) for cells in ((0, "", 1), (1, 640, 1), (2, 400, 1), (3, 0, 1), (4, 300, 0))]
    write(tmp_path, "published_images", PUBLISHED, *lines)
    counted = Counted()
    found = list(published(tmp_path, 512, False, counted))
    sides = {0: 512, 1: 512, 2: 400, 3: 512}
    assert found == [
        Picture(str(i), "primary", f"{ADDRESS}/{i}/full/!{side},{side}/0/default.jpg") for i, side in sides.items()
    ]
    assert counted.rows == {"published images": 5, "not in open access, left out": 1}
    everything = list(published(tmp_path, 512, True, counted := Counted()))
    assert everything[:4] == found
    assert everything[4].url == f"{ADDRESS}/4/full/!300,300/0/default.jpg"
    assert counted.rows == {"published images": 5}


def test_a_vintage_without_open_access_is_open(tmp_path: Path) -> None:
    lines = ("iiifurl,viewtype,depictstmsobjectid,maxpixels", "http://a/b,primary,5,640", "http://a/c,alternate,5,")
    found = list(published(write(tmp_path, "published_images", *lines), 64, False, Counted()))
    assert [(picture.object, picture.view) for picture in found] == [("5", "primary"), ("5", "alternate-0")]


OBJECT, TERM = "objectid,title,attribution,classification", "objectid,termtype,term"


@pytest.mark.parametrize(
    ("name", "lines", "message"),
    [
        ("objects", ["objectid,title,attribution", "1,T,A"], "objects.csv has no column 'classification'"),
        ("objects", [OBJECT, '0,"T\n",A,C', "1,T,A"], "objects.csv, line 4: 3 cells where the header has 4"),
        ("objects", [OBJECT, '0,"T\n",A,C', "x1,T,A,C"], "objects.csv, line 4: objectid 'x1' is no number"),
        ("objects", [OBJECT, '0,"T\n",A,C', ",T,A,C"], "objects.csv, line 4: objectid '' is no number"),
        ("objects", [OBJECT, '0,"T\n",A,C', "0,T,A,C"], "objects.csv, line 4: object 0 stands there twice"),
        ("objects_terms", ["objectid,term", "1,x"], "objects_terms.csv has no column 'termtype'"),
        ("objects_terms", [TERM, '0,Theme,"x\n"', "one,Theme,x"], "objects_terms.csv, line 4: objectid 'one' is"),
    ],
)
def test_bad_rows_are_named_by_file_and_line(name: str, lines: list[str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        {"objects": works, "objects_terms": terms}[name](write(tmp_path, name, *lines), Counted())
    assert str(tmp_path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 3


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("a/b,t,primary,0,,1,5", "published_images.csv, line 4: iiifurl 'a/b' is no address"),
        ("http://a,t,primary,0,many,1,5", "published_images.csv, line 4: maxpixels 'many' is no whole number"),
        (f"http://a,t,{'v' * 41},0,,1,5", "published_images.csv, line 4: viewtype 'v{20}'… is no view"),
        (f"http://a,t,primary,0,,1,{'5' * 41}", "published_images.csv, line 4: depictstmsobjectid '5{40}' is no"),
        ("http://a,t,primary,0,,no,5", "published_images.csv, line 4: openaccess 'no' is neither 1 nor 0"),
        ("http://a,t,primary,0,,1,", "published_images.csv, line 4: depictstmsobjectid '' is no number"),
        ("http://a,b,t,primary,0,,1,5", "published_images.csv, line 4: 8 cells where the header has 7"),
    ],
)
def test_bad_images_are_named_by_file_and_line(bad: str, message: str, tmp_path: Path) -> None:
    folder = write(tmp_path, "published_images", PUBLISHED, 'http://a,"t\n",primary,0,,1,5', bad)
    with pytest.raises(UserError, match=message):
        list(published(folder, 512, False, Counted()))


@pytest.mark.parametrize(
    ("items", "relations", "message"),
    [
        ("1,http://a\nx,", "", "media_items.csv, line 3: mediaid 'x' is no number"),
        ("1,http://a\n1,http://b", "", "media_items.csv, line 3: media item 1 stands there twice"),
        ("1,http://a", f"x,5,{OBJECTS}", "media_relationships.csv, line 2: mediaid 'x' is no number"),
        (
            "1,http://a",
            f"1,5,{OBJECTS}\n1,?,{OBJECTS}",
            "media_relationships.csv, line 3: relatedid '\\?' is no number",
        ),
    ],
)
def test_bad_media_are_named_by_file_and_line(items: str, relations: str, message: str, tmp_path: Path) -> None:
    write(tmp_path, "media_items", "mediaid,imageurl", items)
    write(tmp_path, "media_relationships", "mediaid,relatedid,relatedentity", relations)
    with pytest.raises(UserError, match=message):
        list(media(tmp_path, Counted()))


@pytest.mark.parametrize("missing", ["objects", "objects_terms", "published_images", "media_relationships"])
def test_missing_tables_are_said(missing: str, drawn: Path, tmp_path: Path) -> None:
    for path in drawn.glob("*.csv"):
        if path.stem != missing:
            (tmp_path / path.name).symlink_to(path)
    read: dict[str, Callable[[], object]] = {
        "objects": lambda: works(tmp_path, Counted()),
        "objects_terms": lambda: terms(tmp_path, Counted()),
        "published_images": lambda: list(published(tmp_path, 512, True, Counted())),
        "media_relationships": lambda: list(media(tmp_path, Counted())),
    }
    with pytest.raises(UserError, match=re.escape(f"{tmp_path} has no {missing}.csv, nor {missing}.zip")):
        read[missing]()
    assert all(call() for name, call in read.items() if name != missing)


def test_media_are_those_of_objects_with_a_still_or_else_a_thumbnail(tmp_path: Path) -> None:
    items = ("mediaid,thumbnailurl,imageurl", '1,"http://t/1,2",http://i/1', '2,"http://t/2,2",', "5000000000001,,")
    write(tmp_path, "media_items", *items)
    people = "nga:art:tms:constituents"
    pairs = [
        ("1", "0", OBJECTS),
        ("2", "7", OBJECTS),
        ("1", "7", people),
        ("5000000000001", "7", OBJECTS),
        ("9", "7", OBJECTS),
    ]
    lines = (",".join(pair) for pair in pairs)
    write(tmp_path, "media_relationships", "mediaid,relatedid,relatedentity", *lines)
    counted = Counted()
    assert list(media(tmp_path, counted)) == [
        Picture("0", "media-1", "http://i/1"),
        Picture("7", "media-2", "http://t/2,2"),
    ]
    assert counted.rows == {
        "media items": 3, "relationships": 5, "of them to objects": 4, "of them to others than objects": 1,
        "to objects, the item without an image": 1, "to objects, the item not there": 1,
    }  # fmt: skip


def test_the_join_without_regard_to_what_is_related_pairs_people_with_objects(drawn: Path) -> None:
    """Document 000's join, on objectid = relatedid alone: numbers of people are numbers of objects as well."""
    objects = works(drawn, Counted())
    relations = rows(drawn, "media_relationships")
    naive = [(row["relatedid"], f"media-{row['mediaid']}") for row in relations if row["relatedid"] in objects]
    wrong = {pair for pair, row in zip(naive, relations, strict=True) if row["relatedentity"] != OBJECTS}
    ours = {(picture.object, picture.view) for picture in media(drawn, Counted())}
    assert len(wrong) > len(naive) / 3
    assert ours < set(naive)
    assert not ours & wrong


def test_the_stand_in_is_read_whole(drawn: Path) -> None:
    counted = Counted()
    objects, said = works(drawn, counted), terms(drawn, counted)
    pictures = list(published(drawn, 512, True, counted))
    lengths = {name: len(rows(drawn, table)) for name, table in (
        ("objects", "objects"), ("terms", "objects_terms"), ("published images", "published_images")
    )}  # fmt: skip
    assert counted.rows == lengths
    assert {"0", "4582030750001"} <= set(objects)
    assert set(said) <= set(objects)
    for picture, row in zip(pictures, rows(drawn, "published_images"), strict=True):
        path = picture.url.removeprefix(f"{ADDRESS}/")
        assert (drawn / "iiif" / path).is_file()  # in the very size that is asked for: maxpixels is respected
        assert path.startswith(row["uuid"])
    assert len(pictures) - len(list(published(drawn, 512, False, Counted()))) == sum(
        row["openaccess"] == "0" for row in rows(drawn, "published_images")
    )


@real
def test_real_media() -> None:
    counted = Counted()
    pictures = list(media(REAL, counted))
    assert counted.rows == {
        "media items": 2685, "relationships": 2983, "of them to objects": 1007, "of them to others than objects": 1976,
        "to objects, the item without an image": 2,
    }  # fmt: skip
    assert len({picture.url for picture in pictures}) == 358
    assert all(picture.url.startswith("https://") for picture in pictures)


@real
def test_real_terms() -> None:
    counted = Counted()
    said = terms(REAL, counted)
    assert counted.rows == {"terms": 383_360}
    assert sum("portrait" in themes for themes, _ in said.values()) == 9266
    assert {"bust facing left", "head facing front"} <= set.union(*(poses for _, poses in said.values()))


@real
@pytest.mark.parametrize("vintage", ["2023", "2026"])
def test_the_real_object_is_the_same_under_both_headers(vintage: str, tmp_path: Path) -> None:
    header, row = (REAL / "objects.one-row.csv").read_bytes().decode().split("\n", 1)
    new = (REAL / f"objects.header-{vintage}.csv").read_text().strip()
    assert new == (header if vintage == "2023" else header.replace("objectid,", "objectid,uuid,"))
    write(tmp_path, "objects", new, row if vintage == "2023" else row.replace("0,", "0,u-u,", 1))
    expected = Work("0", "Saint James Major", "Grifo di Tancredi", "Painting", "", "1310", "1310")
    assert works(tmp_path, Counted()) == {"0": expected}


@real
def test_real_images_of_both_vintages(tmp_path: Path) -> None:
    old = (REAL / "published_images.rows.csv").read_text()
    (tmp_path / "published_images.csv").write_text(old)
    found = list(published(tmp_path, 1024, False, Counted()))
    assert [picture.object for picture in found] == ["17387", "19245", "23830", "713", "71457"]
    assert {picture.view for picture in found} == {"primary"}
    assert [re.search("!(.*)/0/", picture.url)[1] for picture in found] == 4 * ["1024,1024"] + ["640,640"]  # type: ignore[index]
    header = (REAL / "published_images.header-2026.csv").read_text().strip()
    # As the newer vintage has them: openaccess after maxpixels, and what is limited is not open.
    newer = re.sub(r"(,\d+),(640)?(,20\d\d-)", lambda m: f"{m[1]},{m[2] or ''},{int(not m[2])}{m[3]}", old)
    write(tmp_path, "published_images", header, *newer.splitlines()[1:])
    counted = Counted()
    assert list(published(tmp_path, 1024, False, counted)) == found[:4]
    assert counted.rows == {"published images": 5, "not in open access, left out": 1}
    assert list(published(tmp_path, 1024, True, Counted())) == found
