"""From the open data to a collection: what is joined, left out, fetched, resumed and refused."""

import csv
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tlk.data.collection import Collection, write_collection
from tlk.data.download import Failure, Manners, Wanted
from tlk.data.standins import draw_nga
from tlk.errors import UserError
from tlk.workflows import data_nga as module
from tlk.workflows.data_nga import COLUMNS, THERE, TO_TAKE, NgaDone, NgaOptions, make_nga
from tlk.workflows.progress import Silent

ADDRESS = "http://127.0.0.1:8080"
FETCH = NgaOptions(download=True)
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def opendata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nga") / "opendata"
    draw_nga(folder, f"{ADDRESS}/iiif", sitters=6, seed=3)
    return folder


@pytest.fixture
def asked(opendata: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files are copied from where they would be served; the addresses asked for."""
    asked: list[str] = []

    def fetch(wanted: Sequence[Wanted], manners: Manners, progress: Callable[..., None]) -> list[Failure]:
        failures = []
        for one in (one for one in wanted if not one.path.is_file()):
            asked.append(one.url)
            served = opendata / one.url.removeprefix(f"{ADDRESS}/")
            one.path.parent.mkdir(parents=True, exist_ok=True)
            if served.is_file():
                shutil.copy(served, one.path)
            else:
                failures.append(Failure(one.url, one.path, "404"))
        progress(len(wanted), len(wanted))
        return failures

    monkeypatch.setattr(module, "download", fetch)
    return asked


def rows(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def joined(opendata: Path) -> Rows:
    """The published images with their object's row, in the order of the images; title is that of the object."""
    objects = {row["objectid"]: row for row in rows(opendata / "objects.csv")}
    images = rows(opendata / "published_images.csv")
    return [row | objects[row["depictstmsobjectid"]] for row in images if row["depictstmsobjectid"] in objects]


def make(opendata: Path, out: Path, options: NgaOptions = FETCH) -> NgaDone:
    return make_nga(opendata, out, options, Silent())


def test_a_collection_of_the_primary_images_in_open_access(opendata: Path, tmp_path: Path, asked: list[str]) -> None:
    done = make(opendata, tmp_path / "out")
    images, expected = rows(opendata / "published_images.csv"), joined(opendata)
    expected = [row for row in expected if row["viewtype"] == "primary" and row["openaccess"] == "1"]
    assert done.failures == []
    assert done.counted == {
        "objects": len(rows(opendata / "objects.csv")),
        "terms": len(rows(opendata / "objects_terms.csv")),
        "published images": len(images),
        "not in open access, left out": sum(row["openaccess"] == "0" for row in images),
        "images of objects that are not in the table": len(images) - len(joined(opendata)),
        TO_TAKE: len(expected),
        THERE: len(expected),
    }
    assert list(done.counted)[-2:] == [TO_TAKE, THERE]
    collection = Collection(tmp_path / "out")
    assert collection.columns == ("id", "file", *COLUMNS)
    assert collection.ids == collection.column("object") == tuple(row["objectid"] for row in expected)
    for column, name in (("title", "title"), ("artist", "attribution"), ("beginyear", "beginyear")):
        assert collection.column(column) == tuple(" ".join(row[name].split()) for row in expected)
    assert {"0", "4582030750001"} <= set(collection.ids)
    assert set(collection.column("view")) == {"primary"}
    assert all(collection.source.exists(path) for path in collection.paths)
    assert rows(tmp_path / "out" / "failures.csv") == []
    listed = rows(tmp_path / "out" / "downloads.csv")
    assert [row["url"] for row in listed] == asked
    assert Counter(url.split("/full/!")[1].split(",")[0] for url in asked) == {"512": len(asked) - 1, "400": 1}


def test_themes_and_poses_stand_in_the_table(opendata: Path, tmp_path: Path, asked: list[str]) -> None:
    make(opendata, tmp_path / "out", replace(FETCH, theme="Portrait"))
    collection = Collection(tmp_path / "out")
    told: dict[str, set[str]] = {}
    for row in rows(opendata / "objects_terms.csv"):
        if row["termtype"] == "Theme":
            told.setdefault(row["objectid"], set()).update((row["term"], row["visualbrowsertheme"]))
    assert collection.column("themes") == tuple("|".join(sorted(told[name])) for name in collection.ids)
    assert all("portrait" in themes.split("|") for themes in collection.column("themes"))
    for themes, terms in zip(collection.column("themes"), collection.column("terms"), strict=True):
        assert terms in ("", themes)
        assert bool(terms) == ("facing" in themes)
    assert len(collection) < len(joined(opendata))


@pytest.mark.parametrize(
    ("options", "column", "text"),
    [
        (NgaOptions(only="pAINTING"), "classification", "Painting"),
        (NgaOptions(only="print", all_views=True), "classification", "Print"),
        (NgaOptions(theme="LANDSCAPE"), "theme", "landscape"),
        (NgaOptions(restricted=True), "isvirtual", "0"),  # of all
    ],
)
def test_less_or_more_on_demand(options: NgaOptions, column: str, text: str, opendata: Path, tmp_path: Path) -> None:
    themes = {row["objectid"]: row["visualbrowsertheme"] for row in rows(opendata / "objects_terms.csv")}
    expected = [
        row["objectid"]
        for row in joined(opendata)
        if (row | {"theme": themes[row["objectid"]]})[column] == text
        and (options.all_views or row["viewtype"] == "primary")
        and (options.restricted or row["openaccess"] == "1")
    ]
    assert make(opendata, tmp_path, options).counted[TO_TAKE] == len(expected) > 0
    assert [row["id"].split("-")[0] for row in rows(tmp_path / "downloads.csv")] == expected


def test_restricted_images_come_in_the_size_that_is_allowed(opendata: Path, tmp_path: Path, asked: list[str]) -> None:
    make(opendata, tmp_path, replace(FETCH, restricted=True, size=1024))
    limits = {row["objectid"]: row["maxpixels"] for row in joined(opendata) if row["viewtype"] == "primary"}
    listed = rows(tmp_path / "downloads.csv")
    assert {limits[row["id"]] for row in listed} == {"", "640", "400"}
    for row in listed:
        side = limits[row["id"]] or "1024"
        assert row["url"].endswith(f"/full/!{side},{side}/0/default.jpg")


def test_other_views_only_with_all_views(opendata: Path, tmp_path: Path, asked: list[str]) -> None:
    make(opendata, tmp_path, replace(FETCH, all_views=True))
    collection = Collection(tmp_path)
    views = dict(zip(collection.ids, collection.column("view"), strict=True))
    others = [name for name in views if not name.isdecimal()]
    assert others
    for name in others:
        assert (name, views[name]) == (f"{name.split('-')[0]}-alternate-1", "alternate-1")
    assert Counter(collection.column("object"))[others[0].split("-")[0]] == 2


def test_two_images_of_one_view_are_one_and_counted(opendata: Path, tmp_path: Path) -> None:
    shutil.copytree(opendata, tmp_path / "data", ignore=shutil.ignore_patterns("iiif"))
    with (tmp_path / "data" / "published_images.csv").open("a", encoding="utf-8") as file:
        file.write(f"u,{ADDRESS}/iiif/u,t,primary,0,9,9,,1,,,0,\n")
    before, after = make(opendata, tmp_path / "a", NgaOptions()), make(tmp_path / "data", tmp_path / "b", NgaOptions())
    assert after.counted["more images of one view, left out"] == 1
    assert after.counted[TO_TAKE] == before.counted[TO_TAKE]


def test_a_limit_takes_the_first(opendata: Path, tmp_path: Path, asked: list[str]) -> None:
    everything = make(opendata, tmp_path / "all", NgaOptions())
    done = make(opendata, tmp_path / "some", replace(FETCH, limit=3))
    assert (done.counted[TO_TAKE], done.counted[THERE], len(asked)) == (3, 3, 3)
    assert done.counted["published images"] == everything.counted["published images"]
    assert rows(tmp_path / "some" / "downloads.csv") == rows(tmp_path / "all" / "downloads.csv")[:3]


def test_without_download_the_addresses_are_there_and_what_is_brought_is_taken(opendata: Path, tmp_path: Path) -> None:
    done = make(opendata, tmp_path, NgaOptions())
    listed = rows(tmp_path / "downloads.csv")
    assert done.counted[TO_TAKE] == len(listed) > 5
    assert done.counted[THERE] == 0
    assert Collection(tmp_path).ids == ()
    assert not (tmp_path / "failures.csv").exists()
    for row in listed[1:3]:
        (tmp_path / row["file"]).parent.mkdir(exist_ok=True)
        shutil.copy(opendata / row["url"].removeprefix(f"{ADDRESS}/"), tmp_path / row["file"])
    assert make(opendata, tmp_path, NgaOptions()).counted[THERE] == 2
    assert Collection(tmp_path).ids == (listed[1]["id"], listed[2]["id"])


def test_what_fails_is_written_down_and_tried_again(opendata: Path, tmp_path: Path, asked: list[str]) -> None:
    lame = tmp_path / "opendata"
    shutil.copytree(opendata, lame, ignore=shutil.ignore_patterns("iiif"))
    text = (lame / "published_images.csv").read_text(encoding="utf-8")
    first = next(row["iiifurl"] for row in joined(opendata) if row["viewtype"] == "primary")
    (lame / "published_images.csv").write_text(text.replace(first, f"{ADDRESS}/gone"), encoding="utf-8")
    done = make(lame, tmp_path / "out")
    (failure,) = done.failures
    assert failure.url.startswith(f"{ADDRESS}/gone/full/")
    (row,) = rows(tmp_path / "out" / "failures.csv")
    assert (row["url"], row["why"]) == (failure.url, "404")
    assert row["id"] not in Collection(tmp_path / "out").ids
    assert done.counted[THERE] == done.counted[TO_TAKE] - 1 == len(Collection(tmp_path / "out"))
    asked.clear()
    again = make(opendata, tmp_path / "out")  # the address has been mended
    assert [url.split("/full")[0] for url in asked] == [first]
    assert again.failures == rows(tmp_path / "out" / "failures.csv") == []
    assert row["id"] in Collection(tmp_path / "out").ids


def test_media_of_objects_with_their_object(opendata: Path, tmp_path: Path, asked: list[str]) -> None:
    done = make(opendata, tmp_path, replace(FETCH, images="media"))
    related = [row for row in rows(opendata / "media_relationships.csv") if row["relatedentity"].endswith(":objects")]
    stills = {row["mediaid"]: row["imageurl"] for row in rows(opendata / "media_items.csv")}
    expected = [f"{row['relatedid']}-media-{row['mediaid']}" for row in related if stills[row["mediaid"]]]
    collection = Collection(tmp_path)
    assert list(collection.ids) == expected
    assert done.counted["of them to objects"] == len(related) == len(expected) + 1
    titles = {row["objectid"]: " ".join(row["title"].split()) for row in rows(opendata / "objects.csv")}
    assert collection.column("title") == tuple(titles[name.split("-")[0]] for name in expected)


def test_another_size_does_not_mix_with_what_is_there(opendata: Path, tmp_path: Path, asked: list[str]) -> None:
    make(opendata, tmp_path, replace(FETCH, limit=3))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=r"/images/.*\.jpg came from .*/full/!512,512/.*\nkeep to that --size"):
        make(opendata, tmp_path, replace(FETCH, size=200))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    make(opendata, tmp_path, FETCH)
    assert len(set(asked)) == len(asked) == len(Collection(tmp_path))


def test_a_server_may_move(opendata: Path, tmp_path: Path, asked: list[str]) -> None:
    make(opendata, tmp_path / "out", replace(FETCH, limit=3))
    moved = tmp_path / "moved"
    shutil.copytree(opendata, moved, ignore=shutil.ignore_patterns("iiif"))
    table = moved / "published_images.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(ADDRESS, "https://iiif.example"), encoding="utf-8")
    assert make(moved, tmp_path / "out", NgaOptions(limit=3)).counted[THERE] == len(asked) == 3


def test_addresses_that_are_none_are_taken_as_they_are(opendata: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(opendata, broken, ignore=shutil.ignore_patterns("iiif"))
    table = broken / "media_items.csv"
    table.write_text(table.read_text(encoding="utf-8").replace(ADDRESS, "http://[::1"), encoding="utf-8")
    for _ in range(2):  # the second call compares them with those of the first
        done = make(broken, tmp_path / "out", NgaOptions(images="media"))
        assert done.counted["images to take"] > done.counted[THERE] == 0


def test_another_collection_is_not_overwritten(opendata: Path, tmp_path: Path) -> None:
    write_collection(tmp_path, (), [("1", "1.jpg")])
    with pytest.raises(UserError, match="holds another collection"):
        make(opendata, tmp_path)
    assert Collection(tmp_path).ids == ("1",)


def test_an_interruption_leaves_the_table_as_it_was(
    opendata: Path, tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(opendata, tmp_path, replace(FETCH, limit=2))
    table = (tmp_path / "collection.csv").read_bytes()

    def interrupt(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "download", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(opendata, tmp_path)
    assert (tmp_path / "collection.csv").read_bytes() == table


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (NgaOptions(only="Tapestry"), r"no image is left: \d+ objects; \d+ terms; .*\nsee the counts: other --only"),
        (NgaOptions(theme="battle"), "no image is left"),
        (NgaOptions(size=15), "--size 15: .* from 16 to 4096"),
        (NgaOptions(size=4097), "--size 4097"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_written(
    options: NgaOptions, message: str, opendata: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        make(opendata, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
