"""The stand-in for the National Gallery of Art: the real headers, the real oddities, and a IIIF service on disk."""

import csv
import hashlib
import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.conftest import REAL_DATA
from tlk.data.standins import draw_nga
from tlk.data.standins.nga_tables import HEADERS
from tlk.duplicates import find_duplicates
from tlk.errors import UserError
from tlk.tables import parse_table

REAL = REAL_DATA / "nga"

ADDRESS = "http://127.0.0.1:8080/iiif"
SITTERS = 8
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("nga") / "opendata"
    draw_nga(target, f"{ADDRESS}/", SITTERS, seed=1)
    return target


def rows(folder: Path, name: str) -> Rows:
    with (folder / name).open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def picture(folder: Path, row: dict[str, str], size: int = 512) -> np.ndarray:
    return cv2.imread(str(folder / "iiif" / row["uuid"] / "full" / f"!{size},{size}" / "0" / "default.jpg"))


def test_has_the_tables_and_the_images(folder: Path):
    assert {path.name for path in folder.iterdir()} == {*HEADERS, "iiif"}
    stored = {path.name for path in (folder / "iiif").iterdir()} - {"media"}
    assert stored == {row["uuid"] for row in rows(folder, "published_images.csv")}


@pytest.mark.skipif(not REAL.is_dir(), reason="no real tables here")
def test_headers_are_the_real_ones():
    real = {
        "objects.csv": "objects.header-2026.csv",
        "published_images.csv": "published_images.header-2026.csv",
        "media_items.csv": "media_items.csv",
        "media_relationships.csv": "media_relationships.csv",
    }
    for name, file in real.items():
        with (REAL / file).open(encoding="utf-8") as lines:
            assert lines.readline().strip() == ",".join(HEADERS[name])


def test_tables_parse_with_all_that_is_inside_their_quotes(folder: Path):
    for name, header in HEADERS.items():
        data = (folder / name).read_bytes()
        table = parse_table(data, name)
        assert table.header == header
        assert len(table.rows) == len(rows(folder, name)) > 0
        assert data.startswith(b"\xef\xbb\xbf") == (name == "objects.csv")
    assert b"\r\n\r\n\r\n" in (folder / "objects.csv").read_bytes()
    assert b"\r\n\r\n" in (folder / "published_images.csv").read_bytes()
    assert b"\r\n" in (folder / "media_items.csv").read_bytes()


def test_object_ids_are_odd_and_differ(folder: Path):
    ids = [row["objectid"] for row in rows(folder, "objects.csv")]
    assert len(set(ids)) == len(ids)
    assert ids[0] == "0"
    assert "4582030750001" in ids
    published = {row["depictstmsobjectid"] for row in rows(folder, "published_images.csv")}
    assert {"0", "4582030750001"} <= published
    assert len(published - set(ids)) == 3  # images without an object
    assert len(set(ids) - published) == 3  # objects without an image
    assert {row["objectid"] for row in rows(folder, "objects_terms.csv")} <= set(ids)


def test_addresses_lead_to_images_that_fit(folder: Path):
    for row in rows(folder, "published_images.csv"):
        assert row["iiifurl"] == f"{ADDRESS}/{row['uuid']}"
        assert row["iiifthumburl"] == f"{row['iiifurl']}/full/!200,200/0/default.jpg"
        assert (folder / row["iiifthumburl"].removeprefix("http://127.0.0.1:8080/")).is_file()
        size = min(512, int(row["maxpixels"] or 512))
        with Image.open(folder / f"iiif/{row['uuid']}/full/!{size},{size}/0/default.jpg") as image:
            assert max(image.size) == size
            assert image.width / image.height == pytest.approx(int(row["width"]) / int(row["height"]), abs=0.01)


def test_not_all_images_are_open_or_of_any_size(folder: Path):
    access = Counter((row["openaccess"], row["maxpixels"]) for row in rows(folder, "published_images.csv"))
    assert set(access) == {("1", ""), ("0", "640"), ("1", "640"), ("1", "400")}
    assert access["1", ""] > sum(access.values()) / 2


def test_alternate_views_show_the_same_object_otherwise(folder: Path):
    images = rows(folder, "published_images.csv")
    views = {(row["depictstmsobjectid"], row["viewtype"]): row for row in images}
    assert len(views) == len(images)
    others = [row for row in images if row["viewtype"] == "alternate"]
    assert len(others) > 2
    for row in others:
        first = views[row["depictstmsobjectid"], "primary"]
        assert (row["sequence"], first["sequence"]) == ("1", "0")
        assert picture(folder, row, 200).tobytes() != picture(folder, first, 200).tobytes()


def sitter_of(title: str) -> str:
    return re.sub(r" \(.*|, Half-Length$", "", title.removeprefix("Portrait of "))


def test_sitters_are_portrayed_several_times_under_titles_that_vary(folder: Path):
    portraits = {row["objectid"] for row in rows(folder, "objects_terms.csv") if row["term"] == "portrait"}
    objects = [row for row in rows(folder, "objects.csv") if row["objectid"] in portraits]
    by_sitter: dict[str, Rows] = {}
    for row in objects:
        by_sitter.setdefault(sitter_of(row["title"]), []).append(row)
    assert len(by_sitter) == SITTERS
    assert min(map(len, by_sitter.values())) >= 2
    assert all(len({row["attribution"] for row in group}) > 1 for group in by_sitter.values())
    titles = {row["title"] for row in objects}
    for form in (r"Portrait of .*", r".* \(.* Portrait\)", r"[^,(]*"):
        assert any(re.fullmatch(form, title) for title in titles)


def test_terms_say_who_and_how_and_other_pictures_are_no_portraits(folder: Path):
    terms: dict[str, set[str]] = {}
    for row in rows(folder, "objects_terms.csv"):
        if row["termtype"] == "Theme":
            terms.setdefault(row["objectid"], set()).add(row["term"])
    portraits = [words for words in terms.values() if "portrait" in words]
    others = [words for words in terms.values() if "portrait" not in words]
    assert all(len(words & {"male", "female"}) == 1 for words in portraits)
    assert {word.split()[-1] for words in portraits for word in words if "facing" in word} == {"left", "front", "right"}
    assert set.union(*others) == {"landscape", "still life"}


def test_kinds_and_series_are_mixed(tmp_path: Path):
    draw_nga(tmp_path / "more", ADDRESS, 20)
    objects = rows(tmp_path / "more", "objects.csv")
    kinds = Counter(row["classification"] for row in objects)
    assert set(kinds) == {"Painting", "Print", "Drawing", "Sculpture"}
    assert kinds["Painting"] > kinds["Print"] > kinds["Drawing"]
    in_series = [row for row in objects if row["series"]]
    assert {row["classification"] for row in in_series} == {"Print"}
    assert len({row["series"] for row in in_series}) == 2
    assert any(not row["attribution"].isascii() for row in objects)


def test_two_objects_show_nearly_the_same_picture(folder: Path):
    images = {row["depictstmsobjectid"]: row for row in rows(folder, "published_images.csv")}
    one, other = (images[objectid] for objectid in ("0", "4582030750001"))
    names = {row["objectid"]: row["attribution"] for row in rows(folder, "objects.csv")}
    assert names["0"] != names["4582030750001"]
    found = find_duplicates(picture(folder, row) for row in (one, other, images[list(images)[5]]))
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(0, 1)]
    assert picture(folder, one).tobytes() != picture(folder, other).tobytes()


def test_media_relate_to_people_by_numbers_that_objects_have(folder: Path):
    objects = {row["objectid"] for row in rows(folder, "objects.csv")}
    media = {row["mediaid"]: row for row in rows(folder, "media_items.csv")}
    relations = rows(folder, "media_relationships.csv")
    entities = Counter(row["relatedentity"] for row in relations)
    assert set(entities) == {"nga:art:tms:objects", "nga:art:tms:constituents"}
    assert {row["relatedid"] for row in relations} <= objects
    assert {row["mediaid"] for row in relations} <= set(media)
    assert {row["mediatype"] for row in media.values()} == {"audio", "video"}
    stills = [row["imageurl"] for row in media.values()]
    assert "" in stills
    assert len(set(stills)) < len(stills)
    for address in set(stills) - {""}:
        assert (folder / address.removeprefix("http://127.0.0.1:8080/")).is_file()


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_same_bytes_other_seed_other_pictures(folder: Path, tmp_path: Path):
    draw_nga(tmp_path / "again", ADDRESS, SITTERS, seed=1)
    assert digests(tmp_path / "again") == digests(folder)
    draw_nga(tmp_path / "other", ADDRESS, 4, seed=2)
    assert not set(digests(tmp_path / "other").values()) & set(digests(folder).values())


@pytest.mark.parametrize("sitters", [3, 375])
def test_impossible_counts_are_refused(tmp_path: Path, sitters: int):
    with pytest.raises(UserError, match=f"{sitters} sitters cannot be drawn\nask for a number from 4 to 374"):
        draw_nga(tmp_path / "data", ADDRESS, sitters)
    assert list(tmp_path.iterdir()) == []
