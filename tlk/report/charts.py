"""Small charts: numbers in, places in a drawing out; the template draws them as SVG."""

import math
from collections.abc import Mapping, Sequence

from tlk.report.blocks import Chart, Mark, Table, Tick

WIDTH, HEIGHT = 360, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 40  # what the axes leave free, for ticks and labels
_LABELS = 12  # ticks that fit below a chart

Points = Sequence[tuple[float, float]]
Interval = tuple[float, float]


def ticks(low: float, high: float) -> list[float]:
    """Return up to about six round numbers from `low` to `high`, evenly spaced."""
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return [low]
    rough = span / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * next(factor for factor in (1, 2, 5, 10) if factor * unit >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def bar_chart(title: str, axes: tuple[str, str], bars: Sequence[tuple[str, float]], table: Table) -> Chart:
    """Return a chart with a bar for each (label, value), from 0 up."""
    highest = max([value for _, value in bars] + [1e-9])
    up = Scale(0, highest * 1.04, HEIGHT - BOTTOM, TOP)
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    marks, x_ticks = [], []
    every = math.ceil(len(bars) / _LABELS)
    for number, (label, value) in enumerate(bars):
        left = LEFT + number * slot
        middle = left + slot / 2
        marks.append(Mark("bar", 0, ((left + slot * 0.12, up(value)), (left + slot * 0.88, up(0)))))
        if number % every == 0:
            x_ticks.append(Tick(short(middle), label))
    return _chart(title, axes, tuple(x_ticks), axis_ticks(0, highest, up), marks, (), table)


def line_chart(
    title: str,
    axes: tuple[str, str],
    series: Mapping[str, Points],
    table: Table,
    faint: Sequence[tuple[int, Points]] = (),
    whiskers: Sequence[tuple[float, Interval]] = (),
    dots: bool = False,
    square: bool = False,
    joined: bool = True,
) -> Chart:
    """Return a chart with a line for each series, thin ones of series by number behind them, and whiskers.

    These are (x, interval). Points that are not finite are left out. With `square` both axes go from 0 to 1; with
    `dots` the points of the first series are marked, and no line is drawn between them unless they are `joined`.
    """
    lines = [("line", number, _finite(points)) for number, points in enumerate(series.values())]
    lines = [("faint", number, _finite(points)) for number, points in faint] + lines
    xs = [x for _, _, points in lines for x, _ in points] or [0.0]
    ys = [y for _, _, points in lines for _, y in points] + [y for _, ends in whiskers for y in ends] or [0.0]
    (x_low, x_high), (y_low, y_high) = ((0.0, 1.0), (0.0, 1.0)) if square else (_range(xs), _range(ys))
    across, up = Scale(x_low, x_high, LEFT + 4, WIDTH - RIGHT - 6), Scale(y_low, y_high, HEIGHT - BOTTOM, TOP)
    marks = [
        Mark("whisker", 0, ((across(x), up(max(low, y_low))), (across(x), up(min(high, y_high)))))
        for x, (low, high) in whiskers
    ]
    for kind, number, points in lines:
        places = tuple((across(x), up(y)) for x, y in points)
        marks += [Mark(kind, number, places)] if places and (joined or number > 0) else []
        if kind == "line" and ((dots and number == 0) or len(places) == 1):
            marks += [Mark("dot", number, (place,)) for place in places]
    legend = tuple(series) if len(series) > 1 else ()
    return _chart(title, axes, axis_ticks(x_low, x_high, across), axis_ticks(y_low, y_high, up), marks, legend, table)


class Scale:
    """Maps numbers from `low` to `high` to places from `start` to `end`."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = low, start
        self._factor = (end - start) / ((high - low) or 1.0)

    def __call__(self, value: float) -> float:
        """Return the place of a number."""
        return short(self._start + (value - self._low) * self._factor)


def _chart(
    title: str,
    axes: tuple[str, str],
    x_ticks: tuple[Tick, ...],
    y_ticks: tuple[Tick, ...],
    marks: Sequence[Mark],
    legend: tuple[str, ...],
    table: Table,
) -> Chart:
    return Chart(title, axes[0], axes[1], x_ticks, y_ticks, tuple(marks), legend, table, WIDTH, HEIGHT, LEFT)


def axis_ticks(low: float, high: float, scale: Scale) -> tuple[Tick, ...]:
    """Return round numbers from `low` to `high`, placed."""
    return tuple(Tick(scale(value), f"{value:.6g}".replace("-", "−")) for value in ticks(low, high))


def _range(values: Sequence[float]) -> Interval:
    low, high = min(values), max(values)
    pad = 0.05 * (high - low) or max(0.5, abs(high) * 0.05)
    return low - pad, high + pad


def _finite(points: Points) -> Points:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def short(value: float) -> float:
    """Return a place as the page has it: to a tenth of a pixel."""
    return round(value, 1)
