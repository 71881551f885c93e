"""The embedded competition: its layout, its determinism, and how hard it is for raw pixels."""

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tlk.data.demo import draw_competition, layout
from tlk.data.demo.dials import Dials
from tlk.data.demo.pairs import OBJECTS, draw_pair
from tlk.errors import UserError

PAIRS = 12
QUERIES = 24


@pytest.fixture(scope="module")
def competition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "data"
    draw_competition(folder, pairs=PAIRS, queries=QUERIES, seed=3)
    return folder


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_has_exactly_the_competitions_files(competition: Path):
    tables = {path.name for path in competition.iterdir() if path.is_file()}
    assert tables == {
        "train.csv", "train_strata.csv", "test_candidates.csv", "test_truth.csv", "test_strata.csv",
        "sample-submission.csv",
    }  # fmt: skip
    for half, table in (("train", "train.csv"), ("test", "test_truth.csv")):
        rows = read(competition / table)
        for side in ("left", "right"):
            stored = {path.name for path in (competition / half / side).iterdir()}
            assert stored == {f"{row[side]}.jpg" for row in rows}


@pytest.mark.parametrize(("table", "count"), [("train.csv", PAIRS), ("test_truth.csv", QUERIES)])
def test_pairs_are_one_to_one_and_sorted(competition: Path, table: str, count: int):
    rows = read(competition / table)
    lefts, rights = [row["left"] for row in rows], [row["right"] for row in rows]
    assert len(set(lefts)) == len(set(rights)) == count
    assert lefts == sorted(lefts)
    assert all(len(name) == 3 and name.isascii() and name.islower() for name in lefts + rights)


def test_each_list_has_its_truth_once_at_a_place_of_its_own(competition: Path):
    rows = read(competition / "test_candidates.csv")
    truth = {row["left"]: row["right"] for row in read(competition / "test_truth.csv")}
    assert [row["left"] for row in rows] == list(truth)
    places = []
    for row in rows:
        candidates = [row[f"c{i}"] for i in range(20)]
        assert len(row) == 21
        assert len(set(candidates)) == 20
        assert set(candidates) <= set(truth.values())
        places.append(candidates.index(truth[row["left"]]))
    assert len(set(places)) > 5


def test_sample_submission_matches_the_lists(competition: Path):
    rows = read(competition / "sample-submission.csv")
    assert [row["left"] for row in rows] == [row["left"] for row in read(competition / "test_candidates.csv")]
    for row in rows:
        scores = [row[f"c{i}"] for i in range(20)]
        assert all(0 <= float(score) < 1 and len(score) == len("0.123456789") for score in scores)


def test_short_lists_when_there_are_few_queries(tmp_path: Path):
    draw_competition(tmp_path / "few", pairs=2, queries=5)
    rows = read(tmp_path / "few" / "test_candidates.csv")
    rights = {row["right"] for row in read(tmp_path / "few" / "test_truth.csv")}
    assert all(list(row) == ["left", "c0", "c1", "c2", "c3", "c4"] for row in rows)
    assert all({row[f"c{i}"] for i in range(5)} == rights for row in rows)


def test_pictures_are_jpegs_of_the_right_size(competition: Path):
    for path in competition.rglob("*.jpg"):
        with Image.open(path) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (200, 245))


@pytest.mark.parametrize(
    ("table", "strata"), [("train.csv", "train_strata.csv"), ("test_truth.csv", "test_strata.csv")]
)
def test_strata_describe_the_pairs(competition: Path, table: str, strata: str):
    rows = read(competition / strata)
    assert [(row["left"], row["right"]) for row in rows] == [
        (row["left"], row["right"]) for row in read(competition / table)
    ]
    for row in rows:
        assert row["family"] in (["face"] if row["kind"] == "face" else OBJECTS)
        assert {row["left_medium"], row["right_medium"]} <= {"photo", "drawing"}
        assert row["flipped"] in {"0", "1"}
        assert (row["colour_shift"] == "none") == (row["shifted"] == "none")


def test_every_way_to_differ_occurs():
    strata = [draw_pair(0, "train", index)[2] for index in range(60)]
    assert {s.kind for s in strata} == {"face", "object"}
    assert {(s.left_medium, s.right_medium) for s in strata} >= {("photo", "drawing"), ("drawing", "photo")}
    assert {s.flipped for s in strata} == {True, False}
    assert {s.scaled_down for s in strata} == {"none", "left", "right"}
    assert {s.cluttered for s in strata} == {"none", "left", "right", "both"}
    assert {s.colour_shift for s in strata} == {"none", "hue", "brightness", "grey"}


@pytest.mark.parametrize("family", OBJECTS)
def test_every_family_can_be_drawn_at_both_ends_of_its_dials(family: str):
    for end in (0.0, 0.999999):
        dials = dials_at(end)
        for part in OBJECTS[family](dials):
            assert part.contour.shape[1] == 2
            assert np.isfinite(part.contour).all()
            assert np.abs(part.contour).max() < 2.5


def dials_at(position: float) -> Dials:
    class Fixed(dict[str, float]):
        def __missing__(self, name: str) -> float:
            return position

        def __contains__(self, name: object) -> bool:
            return True

    unused = np.random.default_rng(0)
    return Dials(Fixed(), unused, unused, jitter=0.0, slip=0.0)


def test_same_seed_same_bytes_other_seed_other_pictures(competition: Path, tmp_path: Path):
    draw_competition(tmp_path / "again", pairs=PAIRS, queries=QUERIES, seed=3)
    assert digests(tmp_path / "again") == digests(competition)
    draw_competition(tmp_path / "other", pairs=2, queries=2, seed=4)
    assert not set(digests(tmp_path / "other").values()) & set(digests(competition).values())


def test_pairs_do_not_depend_on_how_many_there_are(competition: Path, tmp_path: Path):
    draw_competition(tmp_path / "fewer", pairs=4, queries=3, seed=3)
    fewer, all_of_them = digests(tmp_path / "fewer"), digests(competition)
    pictures = {name: digest for name, digest in fewer.items() if name.endswith(".jpg")}
    assert len(pictures) == 14
    assert pictures.items() <= all_of_them.items()
    assert {tuple(row.values()) for row in read(tmp_path / "fewer" / "train_strata.csv")} <= {
        tuple(row.values()) for row in read(competition / "train_strata.csv")
    }


def test_no_picture_occurs_twice(competition: Path):
    pictures = [digest for name, digest in digests(competition).items() if name.endswith(".jpg")]
    assert len(set(pictures)) == len(pictures) == 2 * (PAIRS + QUERIES)


@pytest.mark.parametrize(
    ("pairs", "queries", "word"), [(1, 5, "1 pairs"), (5, 1, "1 queries"), (17577, 5, "17577 pairs")]
)
def test_impossible_counts_are_refused(tmp_path: Path, pairs: int, queries: int, word: str):
    with pytest.raises(UserError, match=word):
        draw_competition(tmp_path / "data", pairs, queries)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    for taken in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(UserError, match=f"{taken.name} exists.*\nchoose another one, or remove it"):
            draw_competition(taken, 2, 2)
    assert digests(tmp_path) == {"mine/thesis.txt": hashlib.sha256(b"precious").hexdigest()}
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_place_that_cannot_be_written_to_is_a_users_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another place"):
        draw_competition(tmp_path / "file" / "data", 2, 2)


def test_an_empty_folder_and_missing_parents_are_fine(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    draw_competition(tmp_path / "empty", 2, 2)
    draw_competition(tmp_path / "new" / "deep", 2, 2)
    assert digests(tmp_path / "empty") == digests(tmp_path / "new" / "deep")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "new"]
    assert (tmp_path / "new" / "deep").stat().st_mode == (tmp_path / "new").stat().st_mode


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_behind_when_drawing_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]
):
    def stopping(seed: int, half: str, index: int):
        if half == "test":
            raise fault
        return draw_pair(seed, half, index)

    monkeypatch.setattr(layout, "draw_pair", stopping)
    with pytest.raises(fault):
        draw_competition(tmp_path / "data", 2, 2)
    assert list(tmp_path.iterdir()) == []


def test_thumbnails_are_better_than_chance_but_far_from_enough():
    count = 120
    pairs = [draw_pair(1, "train", index)[:2] for index in range(count)]
    thumbnails = np.array([[thumbnail(image) for image in pair] for pair in pairs])
    thumbnails -= thumbnails.mean((0, 1))
    thumbnails /= np.linalg.norm(thumbnails, axis=2, keepdims=True)
    similarity = thumbnails[:, 0] @ thumbnails[:, 1].T
    # A foil beats the truth with this chance; the truth is found when at most one of 19 does.
    beaten = ((similarity >= np.diag(similarity)[:, None]).sum(1) - 1) / (count - 1)
    found = (1 - beaten) ** 19 + 19 * beaten * (1 - beaten) ** 18
    assert 0.15 < found.mean() < 0.5  # chance is 0.10


def thumbnail(image: np.ndarray) -> np.ndarray:
    small = cv2.resize(image, (12, 12), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return cv2.cvtColor(small, cv2.COLOR_RGB2LAB).ravel()
