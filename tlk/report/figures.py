"""Figures for a paper or a slide: from arrays and pictures to matplotlib's figures, without any global state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tlk.report.drawing import (
    BLUE,
    CYCLE,
    GREEN,
    INK,
    PALE,
    SKY,
    VERMILION,
    new_figure,
    outline,
    printable,
    show_picture,
    style,
)

Line = tuple[np.ndarray, np.ndarray]  # `(e,)` epochs and values


@dataclass(frozen=True)
class Panel:
    """Axes of learning curves: each series has a line for each fold."""

    title: str
    label: str
    series: Mapping[str, Sequence[Line]]


@dataclass(frozen=True)
class Shown:
    """A picture, `(h, w, 3)` uint8, with its name and what stands above it; a `true` one is framed."""

    name: str
    picture: np.ndarray
    above: str = ""
    true: bool = False


@style()
def learning_curves(title: str, panels: Sequence[Panel]) -> Figure:
    """Return panels side by side: thin lines are the folds, bold ones their mean as long as all of them go on."""
    columns = min(len(panels), 2)
    rows = -(-len(panels) // columns)
    figure = new_figure(4.8 * columns, 3.4 * rows + 0.4)
    figure.suptitle(printable(title, 80), fontweight="bold")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        for number, (name, lines) in enumerate(panel.series.items()):
            colour, dashes = CYCLE[number % len(CYCLE)], ("-", "--", ":", "-.")[number % 4]
            for epochs, values in lines:
                marker = "." if len(epochs) == 1 else ""  # a line through one point cannot be seen
                axes.plot(epochs, values, dashes, marker=marker, color=colour, alpha=0.3, linewidth=0.8)
            mean = _mean(lines)
            alone = "o" if len(mean[0]) == 1 else ""
            axes.plot(*mean, dashes, marker=alone, color=colour, linewidth=2.2, label=printable(name))
        axes.set(title=printable(panel.title, 60), xlabel="epoch", ylabel=printable(panel.label))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, fontsize=9)
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    return figure


def _mean(lines: Sequence[Line]) -> Line:
    epochs, counts = np.unique(np.concatenate([own for own, _ in lines]), return_counts=True)
    epochs = epochs[counts == counts.max()]
    values = [np.concatenate([values[own == epoch] for own, values in lines]).mean() for epoch in epochs]
    return epochs, np.array(values)


@style()
def rank_histogram(title: str, ranks: np.ndarray, length: int, picks: int) -> Figure:
    """Return a histogram of the `(n,)` ranks, from 1, of the truths in lists of `length`, of which `picks` count."""
    figure = new_figure(7, 4)
    axes = figure.subplots()
    counts = np.bincount(ranks, minlength=length + 1)[1:]
    places = np.arange(1, length + 1)
    inside = places <= picks
    share = 100 * counts[inside].sum() / max(1, len(ranks))
    axes.bar(places[inside], counts[inside], color=BLUE, label=f"picked: {share:.1f} %")
    axes.bar(places[~inside], counts[~inside], color=SKY, hatch="//", edgecolor="white", label="missed")
    axes.axhline(len(ranks) / length, color=VERMILION, linestyle="--", linewidth=1.5, label="by chance")
    axes.set(xlabel=f"rank of the true one among {length}", ylabel=f"queries, of {len(ranks):,}")
    axes.set_title(printable(title, 80), fontweight="bold")
    axes.set_xticks([1, *range(5, length + 1, 5)])
    axes.legend(frameon=False)
    return figure


@style()
def examples(title: str, rows: Sequence[tuple[Shown, Sequence[Shown]]]) -> Figure:
    """Return a row a query: the query, a gap, its candidates; the true one is framed and says so."""
    columns = 1 + max(len(candidates) for _, candidates in rows)
    figure = new_figure(1.6 * columns + 0.4, 2.3 * len(rows) + 0.5)
    figure.suptitle(printable(title, 90), fontweight="bold")
    ratios = [1, 0.18, *[1] * (columns - 1)]
    grid = figure.subplots(len(rows), columns + 1, squeeze=False, width_ratios=ratios)
    for axes in grid.flat:
        axes.set_axis_off()
    for line, (query, candidates) in zip(grid, rows, strict=True):
        _show(line[0], query, INK)
        for axes, candidate in zip(line[2:], candidates, strict=False):
            _show(axes, candidate, GREEN)
    return figure


@style()
def side_by_side(title: str, blocks: Mapping[str, Sequence[tuple[Shown, Shown, float]]]) -> Figure:
    """Return blocks of pairs, each pair with its score above it, such as matched ones beside unmatched ones."""
    count = max(len(pairs) for pairs in blocks.values())
    figure = new_figure(3.7 * len(blocks), 2.4 * count + 1)
    figure.suptitle(printable(title, 80), fontweight="bold")
    parts = figure.subfigures(1, len(blocks), squeeze=False, wspace=0.06)[0]
    for part, (name, pairs), colour in zip(parts, blocks.items(), (GREEN, VERMILION), strict=False):
        part.suptitle(printable(name), color=colour, fontsize=12, fontweight="bold")
        grid = part.subplots(count, 2, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for (left, right), (one, other, score) in zip(grid, pairs, strict=False):
            _show(left, one, INK)
            _show(right, other, INK)
            left.set_title(f"score {score:.3f}", fontsize=10, pad=3, loc="left")
            for axes in (left, right):
                axes.set_anchor("S")  # pictures of different shapes stand on one line
    return figure


@style()
def roc_curve(title: str, scores: np.ndarray, match: np.ndarray, auc: float, threshold: float) -> Figure:
    """Return the ROC curve of `(n,)` scores of matched and unmatched pairs, and where the threshold stands on it."""
    figure = new_figure(4.8, 4.9)
    axes = figure.subplots()
    cuts = np.concatenate([[np.inf], np.unique(scores)[::-1]])
    false, true = (1 - np.searchsorted(np.sort(scores[kind]), cuts) / kind.sum() for kind in (~match, match))
    axes.plot(false, true, color=BLUE, linewidth=2.2, label=f"area {auc:.3f}")
    axes.plot([0, 1], [0, 1], "--", color=PALE, linewidth=1, label="by chance")
    axes.plot(
        (scores[~match] > threshold).mean(), (scores[match] > threshold).mean(), "o", color=VERMILION, markersize=8,
        label=f"threshold {threshold:.3f}",
    )  # fmt: skip
    axes.set(xlabel="unmatched pairs called matched", ylabel="matched pairs called matched", aspect="equal")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_title(printable(title, 60), fontweight="bold")
    axes.legend(frameon=False, loc="lower right")
    return figure


def _show(axes: Axes, shown: Shown, colour: str) -> None:
    axes.set_axis_on()
    show_picture(axes, shown.picture)
    axes.set_xlabel(printable(f"{shown.name} – true" if shown.true else shown.name, 24), fontsize=9, labelpad=2)
    if shown.above:
        axes.set_title(printable(shown.above), fontsize=10, pad=3)
    if shown.true:
        outline(axes, colour, 3.5)
        axes.xaxis.label.set(color=colour, fontweight="bold")
