"""Names of depths: they rise, and point where they say in networks of any number of stages."""

from typing import get_args

import pytest

from tlk.backbones.depths import DEPTHS, StageName, stage_number


def test_the_names_are_the_same_everywhere_and_rise() -> None:
    assert tuple(DEPTHS) == get_args(StageName)
    assert sorted(DEPTHS.values()) == list(DEPTHS.values())
    assert DEPTHS["last"] == 1


@pytest.mark.parametrize(("count", "numbers"), [(4, [1, 2, 3, 3, 4]), (7, [2, 4, 5, 6, 7]), (12, [3, 6, 8, 9, 12])])
def test_where_the_names_point(count: int, numbers: list[int]) -> None:
    assert [stage_number(name, count) + 1 for name in DEPTHS] == numbers


@pytest.mark.parametrize("count", range(1, 40))
def test_any_depth_is_a_stage_and_each_stage_has_a_depth(count: int) -> None:
    assert [stage_number((number + 1) / count, count) for number in range(count)] == list(range(count))
    assert stage_number(1e-6, count) == 0
    assert stage_number(1.0, count) == stage_number("last", count) == count - 1
