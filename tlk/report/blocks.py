"""What a report is made of: sections of tables and charts. They hold text and numbers, never markup."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Picture:
    """A cell that shows one of the report's pictures, by its number, with what stands in its place for who sees none.

    `number` is -1 where there is no such picture.
    """

    number: int
    text: str


Cell = str | Picture


@dataclass(frozen=True)
class Table:
    """A table whose first column names its rows."""

    caption: str
    header: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in the drawing's units, and what it stands for."""

    at: float
    label: str


@dataclass(frozen=True)
class Mark:
    """Of some series a bar (two opposite corners), a line, a faint one, a dot, a whisker, span or rule (two ends)."""

    kind: str
    series: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    """A drawing of `width` × `height` with axes, and the table that says the same in numbers; None where one follows.

    `left` of it is free for the labels of the upward axis; `sample` is what kind of mark the legend shows.
    """

    title: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]
    legend: tuple[str, ...]
    table: Table | None
    width: int
    height: int
    left: int
    sample: str = "line"


@dataclass(frozen=True)
class Section:
    """A part of the report: a heading, paragraphs, then charts side by side, then tables."""

    key: str
    title: str
    text: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Page:
    """A whole report: `queries` is what its table of queries shows, or None; `pictures` are WebP files."""

    title: str
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    queries: dict[str, object] | None = None
    pictures: Sequence[bytes] = field(default=())
