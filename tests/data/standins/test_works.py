"""Which works there are: the competition's halves and groups, and pairs within each group of test images."""

from collections import Counter

import numpy as np
import pytest

from tlk.data.standins.works import GARBAGE, REPLACED, Work, artist_groups, comparisons, plan_works


def works_of(artists: int, paintings: int, seed: int = 0) -> list[Work]:
    return plan_works(artist_groups(artists), paintings, seed)


def test_most_artists_are_in_both_halves_and_some_in_one():
    count = Counter(artist_groups(40))
    assert count == {"train_and_test": 31, "test_only": 5, "train_only": 4}


def test_numbers_differ_and_the_planted_ones_are_in_the_right_half():
    works = works_of(40, 12)
    numbers = {work.number: work.in_train for work in works}
    assert len(numbers) == len(works)
    assert [numbers[number] for number in REPLACED] == [number != GARBAGE for number in REPLACED]
    assert 0.25 < np.mean([not work.in_train for work in works]) < 0.45


@pytest.mark.parametrize("seed", range(50))
def test_the_smallest_plan_has_room_for_every_trap(seed: int):
    works = works_of(8, 4, seed)
    plants = Counter(work.plant for work in works if work.plant)
    assert plants == {"huge": 1, "truncated": 2, "empty": 1, "lost": 1, "CMYK": 1, "L": 1, "garbage": 1}
    twice = Counter((work.artist, work.index) for work in works)
    twins = [work for work in works if twice[work.artist, work.index] == 2]
    assert [(work.plant, work.in_train) for work in twins] == [("", True)] * 2


def test_every_two_test_images_of_a_group_are_compared_once():
    works = works_of(40, 12)
    artists = {f"{work.number}.jpg": work.artist for work in works if not work.in_train}
    rows = list(comparisons(works, seed=0))
    assert len(rows) > 3000
    assert [row[0] for row in rows] == [str(i) for i in range(len(rows))]
    pairs = {frozenset(row[1:]) for row in rows}
    assert len(pairs) == len(rows)
    met: dict[str, set[str]] = {name: {name} for name in artists}
    for one, other in map(tuple, pairs):
        met[one].add(other)
        met[other].add(one)
    groups = {frozenset(group) for group in met.values()}
    assert sum(map(len, groups)) == len(artists)  # each image is in one group, which is complete
    assert len(groups) == round(len(artists) / 80) > 1
    same = np.mean([len({artists[name] for name in pair}) == 1 for pair in pairs])
    assert 0.02 < same < 0.2
