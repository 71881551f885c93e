"""From a collection to parts and pairs: what is never parted, what matches, and what the counts say."""

import csv
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tlk.data.collection import TABLE, Collection, write_collection
from tlk.data.relevance import labels_of
from tlk.data.standins import draw_nga
from tlk.errors import UserError
from tlk.workflows.data_nga import NgaOptions, make_nga
from tlk.workflows.data_pairs import PairOptions, PairsDone, make_pairs, parse_shares
from tlk.workflows.progress import Silent
from tlk.workflows.workspace import Workspace

ADDRESS = "http://127.0.0.1:8080"
ARTIST = PairOptions(rules=("artist",))
TWINS = ("0", "4582030750001")  # two objects with one picture


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection with all views; images and tables are not to be changed."""
    folder = tmp_path_factory.mktemp("pairs")
    draw_nga(folder / "opendata", f"{ADDRESS}/iiif", sitters=10, seed=1)
    out = folder / "portraits"
    options = NgaOptions(all_views=True, restricted=True, size=512)
    make_nga(folder / "opendata", out, options, Silent())
    (out / "images").mkdir()
    for row in rows(out / "downloads.csv"):
        shutil.copy(folder / "opendata" / row["url"].removeprefix(f"{ADDRESS}/"), out / row["file"])
    make_nga(folder / "opendata", out, options, Silent())
    return out


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def workspace(drawn: Path, cache: Path, tmp_path: Path) -> Workspace:
    """A copy of the table, and the images as they lie; pixels are decoded once for all tests."""
    place = tmp_path / "portraits"
    place.mkdir()
    shutil.copy(drawn / TABLE, place)
    (place / "images").symlink_to(drawn / "images")
    return Workspace(data=place, runs=tmp_path / "runs", cache=cache)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def make(workspace: Workspace, options: PairOptions = ARTIST) -> PairsDone:
    return make_pairs(workspace, options, Silent())


def parts(workspace: Workspace) -> dict[str, dict[str, str]]:
    """The row of each image."""
    return {row["id"]: row for row in rows(workspace.data / "parts.csv")}


def labels(workspace: Workspace, *rules: str) -> dict[str, list[int]]:
    collection = Collection(workspace.data)
    return dict(zip(collection.ids, labels_of(collection, rules).tolist(), strict=True))


def share(one: list[int], other: list[int]) -> bool:
    return any(a == b != -1 for a, b in zip(one, other, strict=True))


def test_pairs_lie_in_one_part_and_mean_what_they_say(workspace: Workspace) -> None:
    done = make(workspace, PairOptions(rules=("artist", "sitter"), shares=(50, 25, 25)))
    part, label = parts(workspace), labels(workspace, "artist", "sitter")
    assert list(part) == list(Collection(workspace.data).ids)
    table = rows(workspace.data / "pairs.csv")
    for row in table:
        left, right = row["left"], row["right"]
        assert part[left]["part"] == part[right]["part"] == row["part"]
        assert part[left]["group"] != part[right]["group"]  # its own likeness is too easy
        column = ("artist", "sitter").index(row["rule"])
        if row["match"] == "1":
            assert label[left][column] == label[right][column] != -1
        else:
            assert not share(label[left], label[right])  # by no rule at all
    counts = Counter((row["rule"], row["part"], row["match"]) for row in table)
    assert done.pairs == {
        (rule, name): (counts[rule, name, "1"], counts[rule, name, "0"])
        for rule in ("artist", "sitter")
        for name in ("train", "validation", "test")
    }
    assert done.pairs["artist", "train"][0] == done.pairs["artist", "train"][1] > 20
    assert done.images == Counter(row["part"] for row in part.values())
    assert done.groups == len({row["group"] for row in part.values()})
    assert done.left_out == 0
    for name, percent in {"train": 50, "validation": 25, "test": 25}.items():
        assert done.images[name] == pytest.approx(percent / 100 * len(part), abs=4)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_near_duplicates_and_views_of_one_object_are_never_parted(workspace: Workspace, seed: int) -> None:
    make(workspace, replace(ARTIST, shares=(34, 33, 33), seed=seed))
    part, collection = parts(workspace), Collection(workspace.data)
    one, other = (part[name] for name in TWINS)
    assert (one["group"], one["part"]) == (other["group"], other["part"])
    objects = dict(zip(collection.ids, collection.column("object"), strict=True))
    views = [name for name in objects if name != objects[name]]
    assert len(views) > 3
    for name in views:
        assert part[name]["group"] == part[objects[name]]["group"]
    groups = {row["group"]: row["part"] for row in part.values()}
    assert all(row["part"] == groups[row["group"]] for row in part.values())
    assert len(groups) > len(set(objects.values())) / 2  # not all is one


def test_a_seed_is_a_split(workspace: Workspace) -> None:
    def tables(seed: int) -> tuple[bytes, bytes]:
        make(workspace, replace(ARTIST, seed=seed))
        return (workspace.data / "parts.csv").read_bytes(), (workspace.data / "pairs.csv").read_bytes()

    first = tables(0)
    assert tables(5)[0] != first[0]
    assert tables(0) == first


def test_unseen_artists_are_in_the_test_part_alone(workspace: Workspace) -> None:
    make(workspace, replace(ARTIST, unseen=40))
    part, label = parts(workspace), labels(workspace, "artist")
    artists: dict[str, set[int]] = {}
    for name, row in part.items():
        artists.setdefault(row["part"], set()).add(label[name][0])
    unseen = artists["test"] - artists["train"] - artists["validation"]
    everyone = set.union(*artists.values())
    assert len(unseen) >= round(0.4 * len(everyone)) > 0
    assert artists["test"] & artists["train"]  # those who are seen are tested as well
    tested = [row for row in rows(workspace.data / "pairs.csv") if (row["part"], row["match"]) == ("test", "0")]
    assert any(label[row["left"]][0] not in artists["train"] for row in tested)
    for row in tested:  # else which pairs are unmatched would show in who was seen
        left, right = (label[row[side]][0] in artists["train"] for side in ("left", "right"))
        assert left == right


def test_what_is_disjoint_is_in_one_part_each(workspace: Workspace) -> None:
    make(workspace, PairOptions(rules=("sitter",), disjoint="series", shares=(40, 30, 30)))
    part, label = parts(workspace), labels(workspace, "series")
    found: dict[int, set[str]] = {}
    for name, row in part.items():
        found.setdefault(label[name][0], set()).add(row["part"])
    known = {name: places for name, places in found.items() if name != -1}
    assert len(known) == 2
    assert all(len(places) == 1 for places in known.values())
    assert len(found[-1]) == 3


@pytest.mark.parametrize("balance", ["smallest", "3"])
def test_balance_leaves_the_larger_artists_paintings_out(workspace: Workspace, balance: str) -> None:
    everything = make(workspace)
    before = Counter(label for (label,) in labels(workspace, "artist").values())
    done = make(workspace, replace(ARTIST, balance=balance))
    label = labels(workspace, "artist")
    after = Counter(label[name][0] for name in parts(workspace))
    most = min(number for number in before.values() if number > 1) if balance == "smallest" else 3
    assert after == {name: min(number, most) for name, number in before.items()}
    assert done.left_out == sum(before.values()) - sum(after.values()) > 0
    assert sum(done.images.values()) + done.left_out == sum(everything.images.values())
    assert {row[side] for row in rows(workspace.data / "pairs.csv") for side in ("left", "right")} <= set(
        parts(workspace)
    )


def test_views_of_one_object_are_pairs_where_that_is_the_rule(workspace: Workspace) -> None:
    done = make(workspace, PairOptions(rules=("object",)))
    matched = [row for row in rows(workspace.data / "pairs.csv") if row["match"] == "1"]
    assert len(matched) == sum(first for first, _ in done.pairs.values()) == sum(
        "-alternate-" in name for name in Collection(workspace.data).ids
    )  # fmt: skip
    assert all(row["left"].split("-")[0] == row["right"].split("-")[0] for row in matched)
    assert len({"-" in row["left"] for row in matched}) == 2  # either one is the anchor


def test_rules_join(workspace: Workspace) -> None:
    both = make(workspace, PairOptions(rules=("sitter+terms",)))
    one = make(workspace, PairOptions(rules=("sitter",)))
    assert 0 < sum(first for first, _ in both.pairs.values()) < sum(first for first, _ in one.pairs.values())


def test_more_partners_are_more_pairs(workspace: Workspace) -> None:
    few, many = (make(workspace, replace(ARTIST, per_image=number)).pairs["artist", "train"] for number in (1, 8))
    assert 0 < few[0] < many[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (replace(ARTIST, shares=(60, 20, 10)), "--split 60/20/10: "),
        (replace(ARTIST, shares=(80, 20, 0)), "--split 80/20/0: "),
        (replace(ARTIST, unseen=91), "--unseen 91: "),
        (replace(ARTIST, unseen=-1), "--unseen -1: "),
        (replace(ARTIST, per_image=0), "--per-image 0: "),
        (replace(ARTIST, balance="1"), "--balance 1: "),
        (replace(ARTIST, balance="all"), "--balance all: "),
        (replace(ARTIST, rules=()), "--rules: none is named"),
        (replace(ARTIST, rules=("hand",)), "--rules: there is no rule 'hand'"),
        (replace(ARTIST, rules=("sitter", "sitter")), "--rules sitter,sitter: one stands there twice"),
        (replace(ARTIST, rules=("genre",)), "'genre' reads the column 'genre', which the collection does not have"),
        (replace(ARTIST, disjoint="genre"), "'genre' reads the column 'genre'"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_written(
    options: PairOptions, message: str, workspace: Workspace
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        make(workspace, options)
    assert len(str(caught.value).splitlines()) <= 3
    assert {path.name for path in workspace.data.iterdir()} == {TABLE, "images"}


def test_images_that_are_not_there_or_not_at_all_are_said(workspace: Workspace) -> None:
    write_collection(workspace.data, ("artist",), [])
    with pytest.raises(UserError, match=r"portraits has no images yet\nget them: tlk data nga"):
        make(workspace)
    write_collection(workspace.data, ("artist",), [("1", "images/0.jpg", "A"), ("2", f"images/{TWINS[1]}.jpg", "B")])
    with pytest.raises(UserError, match=r"--rules artist: it relates no two images of a part"):
        make(workspace)
    write_collection(workspace.data, ("artist",), [("1", "images/0.jpg", "A"), ("2", "images/none.jpg", "A")])
    with pytest.raises(UserError, match=r"cannot read .*images/none\.jpg"):
        make(workspace)


@pytest.mark.parametrize("text", ["60/40", "60/20/20/0", "a/b/c", "60/-20/60", "", "60,20,20", "1000/1/1"])
def test_shares_are_three_numbers(text: str) -> None:
    assert parse_shares("70/15/15") == (70, 15, 15)
    with pytest.raises(UserError, match=f"--split {text}: "):
        parse_shares(text)


def test_where_an_image_stands_tells_nothing_of_the_verdict(workspace: Workspace) -> None:
    make(workspace, replace(ARTIST, per_image=8))
    images: dict[tuple[str, str], list[set[str]]] = {}
    for row in rows(workspace.data / "pairs.csv"):
        places = images.setdefault((row["part"], row["match"]), [set(), set()])
        for place, side in zip(places, ("left", "right"), strict=True):
            place.add(row[side])
    for part in ("train", "validation", "test"):
        (left, right), (anchors, negatives) = images[part, "1"], images[part, "0"]
        assert anchors <= left
        assert negatives <= right
        assert len(negatives) > len(right) / 2


def test_a_zip_is_not_written_into(workspace: Workspace, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "portraits"), "zip", workspace.data)
    with pytest.raises(UserError, match=r"portraits.zip is a zip, .*\nunpack it"):
        make(Workspace.here(tmp_path / "portraits.zip"))
