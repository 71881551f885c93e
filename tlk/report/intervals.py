"""Charts of values with their intervals, lying: a row for each thing that is measured, a dot in it for each series."""

from collections.abc import Sequence
from dataclasses import dataclass

from tlk.report.blocks import Chart, Mark, Table, Tick
from tlk.report.charts import BOTTOM, RIGHT, TOP, WIDTH, Interval, Scale, axis_ticks, short

_STEP, _GAP = 13, 9  # units between the series of a row, and between rows
_LETTER = 5.7  # units that a letter takes, about
_LONGEST = 27  # letters of a label

Measured = tuple[float, Interval] | None


@dataclass(frozen=True)
class Row:
    """What a row is called, and a value with its interval for each series; None where there is none."""

    label: str
    values: Sequence[Measured]


def interval_chart(
    title: str, what: str, series: Sequence[str], rows: Sequence[Row], table: Table | None, rule: float
) -> Chart:
    """Return a chart of rows from the top down, the series of each in their order, with a dashed `rule` at a value."""
    labels = [_cut(row.label) for row in rows]
    left = round(12 + _LETTER * max(len(label) for label in labels))
    tall = _STEP * len(series) + _GAP
    height = TOP + tall * len(rows) + BOTTOM
    ends = [end for row in rows for one in row.values if one is not None for end in (one[0], *one[1])]
    low, high = min([0.0, rule, *ends]), max([1e-9, rule, *ends])
    across = Scale(low, high * 1.03, left + 4, WIDTH - RIGHT - 4)
    marks = [Mark("rule", 0, ((across(rule), TOP), (across(rule), height - BOTTOM)))]
    y_ticks = []
    for place, (row, label) in enumerate(zip(rows, labels, strict=True)):
        top = TOP + tall * place + _GAP / 2
        y_ticks.append(Tick(short(top + _STEP * len(series) / 2), label))
        for number, one in enumerate(row.values):
            if one is not None:
                value, (start, end) = one
                y = short(top + _STEP * (number + 0.5))
                marks.append(Mark("span", number, ((across(start), y), (across(end), y))))
                marks.append(Mark("dot", number, ((across(value), y),)))
    legend = tuple(series) if len(series) > 1 else ()
    x_ticks = axis_ticks(low, high, across)
    return Chart(
        title, what, "", x_ticks, tuple(y_ticks), tuple(marks), legend, table, WIDTH, height, left, sample="dot"
    )


def _cut(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
