"""Where charts of values with intervals put things."""

import pytest

from tlk.report.charts import TOP, WIDTH
from tlk.report.intervals import Row, interval_chart

ROWS = [Row("first", [(10.0, (5.0, 20.0)), (30.0, (25.0, 40.0))]), Row("second", [None, (20.0, (10.0, 30.0))])]


def test_each_series_of_a_row_has_a_line_of_its_own() -> None:
    chart = interval_chart("t", "x", ("one", "two"), ROWS, None, 10.0)
    dots = [mark for mark in chart.marks if mark.kind == "dot"]
    spans = [mark for mark in chart.marks if mark.kind == "span"]
    assert [mark.series for mark in dots] == [mark.series for mark in spans] == [0, 1, 1]
    heights = [mark.points[0][1] for mark in dots]
    assert heights == sorted(set(heights))
    first, second = (tick.at for tick in chart.y_ticks)
    assert heights[0] < first < heights[1] < second < heights[2]
    assert [tick.label for tick in chart.y_ticks] == ["first", "second"]
    assert chart.legend == ("one", "two")


def test_places_are_as_the_values_are() -> None:
    chart = interval_chart("t", "x", ("one", "two"), ROWS, None, 10.0)
    rule, *rest = chart.marks
    dots = [mark.points[0][0] for mark in rest if mark.kind == "dot"]
    assert rule.points[0][0] == rule.points[1][0] == dots[0]  # all three are 10
    assert dots[1] - dots[0] == pytest.approx(2 * (dots[2] - dots[0]), abs=0.3)
    start, end = (x for x, _ in rest[0].points)
    assert (dots[0] - start) * 2 == pytest.approx(end - dots[0], abs=0.4)
    ticks = {tick.label: tick.at for tick in chart.x_ticks}
    assert ticks["10"] == dots[0]
    assert ticks["0"] == chart.left + 4
    places = [place for mark in chart.marks for place in mark.points]
    assert all(chart.left <= x <= WIDTH and TOP <= y <= chart.height for x, y in places)


def test_differences_below_zero_and_long_names() -> None:
    chart = interval_chart("t", "x", ("one",), [Row("n" * 80, [(-4.0, (-9.0, 1.0))])], None, 0.0)
    rule, span, dot = chart.marks
    assert span.points[0][0] < dot.points[0][0] < rule.points[0][0] < span.points[1][0]
    assert [tick.label[0] for tick in chart.x_ticks if tick.at < rule.points[0][0]] == ["−"] * 4
    assert chart.y_ticks[0].label.endswith("n…")
    assert chart.left < WIDTH / 2
    assert chart.legend == ()


def test_nothing_known_is_no_error() -> None:
    chart = interval_chart("t", "x", ("one",), [Row("a", [None])], None, 0.0)
    assert [mark.kind for mark in chart.marks] == ["rule"]
