"""Rules: what a title, a name or a row says, and who shares it."""

from pathlib import Path

import numpy as np
import pytest

from tlk.data.collection import Collection, write_collection
from tlk.data.relevance import NONE, RULES, available_rules, known_artist, labels_of, plain, sitter
from tlk.errors import UserError

COLUMNS = ("object", "title", "artist", "series", "terms")
ROWS = [
    ("1", "George Washington", "Gilbert Stuart", "", "bust facing left|male|portrait"),
    ("1", "George Washington (Vaughan portrait)", "Stuart, Gilbert", "Heads", "male|portrait"),
    ("2", "Portrait of George  Washington", "gilbert stuart", "heads ", "bust facing left|male|portrait"),
    ("3", "Portrait of a Man", "American 18th Century", "", ""),
    ("4", "Portrait of a Man", "American 18th Century", "", ""),
    ("5", "Landscape", "Édouard Manet", "", "landscape"),
    ("6", "Landscape", "Edouard Manet", "", "landscape"),
]


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    write_collection(tmp_path, COLUMNS, [(f"i{i}", f"{i}.jpg", *row) for i, row in enumerate(ROWS)])
    return Collection(tmp_path)


def pairs(collection: Collection, rule: str) -> set[tuple[int, int]]:
    label = labels_of(collection, [rule])[:, 0]
    return {(i, j) for i in range(7) for j in range(i) if label[i] == label[j] != NONE}


@pytest.mark.parametrize(
    ("rule", "related"),
    [
        ("artist", {(2, 0), (6, 5)}),
        ("sitter", {(1, 0), (2, 0), (2, 1)}),
        ("title", {(4, 3), (6, 5)}),
        ("series", {(2, 1)}),
        ("terms", {(2, 0), (6, 5)}),
        ("object", {(1, 0)}),
        ("artist+sitter", {(2, 0)}),
        ("title+artist", {(6, 5)}),
        ("sitter+artist+series", set()),
    ],
)
def test_rules_relate_what_they_say(collection: Collection, rule: str, related: set[tuple[int, int]]) -> None:
    assert pairs(collection, rule) == related


def test_labels_of_several_rules_are_columns(collection: Collection) -> None:
    labels = labels_of(collection, ["artist", "artist+sitter"])
    assert labels.shape == (7, 2)
    assert (labels[:, 0] == labels_of(collection, ["artist"])[:, 0]).all()
    assert np.flatnonzero(labels[:, 0] == NONE).tolist() == [3, 4]
    assert np.flatnonzero(labels[:, 1] == NONE).tolist() == [3, 4, 5, 6]  # one of the two is not known


@pytest.mark.parametrize(
    ("title", "who"),
    [
        ("Portrait of Madame X", "madame x"), ("A Study of Sir Brooke Boothby", "sir brooke boothby"),
        ("Self-Portrait", ""), ("Self-Portrait of Édouard Manet", "edouard manet"), ("The Artist's Father", ""),
        ("Bust of a Man", ""), ("Woman in Red", ""), ("Mrs. Siddons, Half-Length", "mrs. siddons"),
        ("[Henri] Boyle; verso: Study", "boyle"), ("Childe Hassam", "childe hassam"), ("Girl with a Flute", ""),
        ("Boys Bathing", ""), ("Headley Vicars", "headley vicars"), ("Mona Lisa [recto]", "mona lisa"), ("", ""),
        ("Manet", "manet"), ("Men of War", ""), ("Children of the Sea", ""), ("Anna, Duchess", "anna"),
        ("Two Women", ""), ("Young Man in a Hat", ""), ("Youngblood, Esq.", "youngblood"),
    ],
)  # fmt: skip
def test_sitters_are_read_out_of_titles_that_name_one(title: str, who: str) -> None:
    assert sitter(title) == who


@pytest.mark.parametrize(
    "nobody",
    [
        "Anonymous", "Unknown", "unidentified artist", "American 19th Century", "North Italian 15th Century",
        "Franco-Flemish 15th Century", "British 18th/19th Century", "Central Italian 15th Century (Umbrian)", "",
    ],
)  # fmt: skip
def test_artists_who_are_not_known_are_not_one_and_the_same(nobody: str) -> None:
    assert known_artist(nobody) == ""


@pytest.mark.parametrize("name", ["Grifo di Tancredi", "Master of the 14 Saints", "Studio 54th", "J. M. W. Turner"])
def test_artists_who_are_known_stay(name: str) -> None:
    assert known_artist(name) == name.casefold()


def test_accents_case_and_spaces_do_not_count() -> None:
    assert plain(" Ängstliche \n STRASSE\u00a0") == plain("a\u0308ngstliche straße") == "angstliche strasse"


def test_only_what_has_its_column_is_there(collection: Collection) -> None:
    assert available_rules(collection) == ["artist", "sitter", "title", "series", "terms", "object"]
    with pytest.raises(
        UserError, match=r"'style' reads the column 'style', which .* not have\n.*there are artist, sit"
    ):
        labels_of(collection, ["artist", "artist+style"])


def test_what_is_no_rule_is_said_with_those_there_are(collection: Collection) -> None:
    for rules in ([], ["hand"], ["artist+"], [""]):
        with pytest.raises(UserError, match=f"--rules: .*\nthere are {', '.join(RULES)}"):
            labels_of(collection, rules)
