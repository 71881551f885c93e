"""Where charts put things."""

import math

import pytest

from tlk.report.blocks import Chart, Table
from tlk.report.charts import HEIGHT, WIDTH, bar_chart, line_chart, ticks

TABLE = Table("t", ("a",), [])
AXES = ("x", "y")


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 1) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(0, 1500) == [0, 500, 1000, 1500]
    assert ticks(0.37, 0.52) == pytest.approx([0.4, 0.45, 0.5])
    assert ticks(-3, 3) == [-2, 0, 2]
    assert ticks(5, 5) == [5]
    for high in (1e-6, 0.7, 3, 19, 1e7):
        found = ticks(0, high)
        assert 2 <= len(found) <= 7
        assert found[-1] <= high * (1 + 1e-9)


def inside(chart: Chart) -> bool:
    places = [place for mark in chart.marks for place in mark.points]
    return all(0 <= x <= WIDTH and 0 <= y <= HEIGHT and math.isfinite(x + y) for x, y in places)


def test_bars_are_as_high_as_their_values() -> None:
    chart = bar_chart("t", AXES, [("a", 1), ("b", 4), ("c", 0)], TABLE)
    heights = [mark.points[1][1] - mark.points[0][1] for mark in chart.marks]
    assert heights[1] == pytest.approx(4 * heights[0], abs=0.3)
    assert heights[2] == 0
    edges = [x for mark in chart.marks for x, _ in mark.points]
    assert edges == sorted(edges)
    assert [tick.label for tick in chart.x_ticks] == ["a", "b", "c"]
    assert inside(chart)


def test_labels_of_many_bars_thin_out() -> None:
    chart = bar_chart("t", AXES, [(str(n), 0.5) for n in range(40)], TABLE)
    assert len(chart.x_ticks) <= 12
    assert inside(chart)
    assert inside(bar_chart("t", AXES, [("a", 0)], TABLE))


def test_lines_rise_with_their_values_and_leave_out_what_is_not_finite() -> None:
    series = {"one": [(1.0, 0.1), (2.0, math.nan), (3.0, 0.3)], "two": [(1.0, 0.2), (2.0, math.inf)]}
    chart = line_chart("t", AXES, series, TABLE, faint=[(1, [(1, 0.0), (3, 0.5)])])
    faint, first, second, dot = chart.marks
    assert (faint.kind, faint.series) == ("faint", 1)
    assert len(first.points) == 2
    assert first.points[0][0] < first.points[1][0]
    assert first.points[0][1] > first.points[1][1]
    assert (second.kind, dot.kind) == ("line", "dot")  # a line of one point would not be seen
    assert chart.legend == ("one", "two")
    assert inside(chart)
    assert line_chart("t", AXES, {"one": []}, TABLE).marks == ()


def test_a_square_chart_goes_from_0_to_1() -> None:
    chart = line_chart("t", AXES, {"a": [(0.5, 0.5)]}, TABLE, whiskers=[(0.5, (-0.2, 1.2))], dots=True, square=True)
    assert (
        [tick.label for tick in chart.x_ticks]
        == [tick.label for tick in chart.y_ticks]
        == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    )
    whisker = chart.marks[0]
    assert (whisker.points[0][1], whisker.points[1][1]) == (chart.y_ticks[0].at, chart.y_ticks[-1].at)
