"""Numbers of runs as a report's tables: the leaderboard, paired differences, top-k, recall, pairs of a collection."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tlk.constants import PICKS
from tlk.metrics import paired_interval
from tlk.percent import gallery_rows
from tlk.percent import percent as plain_percent
from tlk.report.blocks import Chart, Section, Table
from tlk.report.charts import line_chart
from tlk.report.intervals import Measured, Row, interval_chart
from tlk.workflows.report_runs import ReportedRun

WAYS = {"sampled": ("top_k", "ci95"), "expected": ("expected_top_k", "expected_ci95")}
CURVES = 5  # runs
MATCHED = {"matched": ("matched_top_k", "matched_ci95")}


def percent(value: float, interval: Sequence[float] | None = None) -> str:
    """Return an accuracy in percent, with its interval if there is one; a minus is as wide as a digit."""
    return plain_percent(value, interval).replace("-", "−")


def leaderboard(runs: Sequence[ReportedRun]) -> Section:
    """Return what each run reaches, and by how much each further one differs from the first."""
    header = ("run", "recipe", "queries", *(f"{way} top-{PICKS} %" for way in (*WAYS, *MATCHED)))
    rows = [
        (
            run.name,
            run.recipe,
            f"{run.row['n']:,}",
            *(_share(run.row, way, PICKS) for way in (*WAYS.values(), *MATCHED.values())),
            f"{run.row['seconds']:,.0f}" + (", stopped early" if run.manifest.get("stopped_early") else ""),
            transductive(run),
        )
        for run in runs
    ]
    tables = [Table("Runs, with 95 % intervals", (*header, "seconds", "transductive"), rows)]
    charts = [_standing(runs)]
    if len(runs) > 1:
        caption = f"Paired differences to {runs[0].name} in points of expected top-k, query by query"
        rows = [(run.name, *(difference(run, runs[0], k) for k in (1, PICKS))) for run in runs[1:]]
        tables.append(Table(caption, ("run", "top-1", f"top-{PICKS}"), rows))
        charts += _differing(runs)
    text = (
        "Sampled: on seeded lists, built as the competition builds its own. Expected: the exact chance in a random "
        "list of the fold's images, free of the luck of the draw. Matched: each image given to one query, looking at "
        "all lists at once, so transductive. A run is transductive where its predictions, or its training, use the "
        "test set as a whole."
    )
    return Section("leaderboard", "Leaderboard", (text,), tuple(charts), tuple(tables))


def _standing(runs: Sequence[ReportedRun]) -> Chart:
    """Return the runs' accuracies with their intervals, each way, beside what chance reaches."""
    ways = WAYS | MATCHED
    rows = [Row(run.name, [_measured(run.row, way) for way in ways.values()]) for run in runs]
    shown = [name for place, name in enumerate(ways) if any(row.values[place] is not None for row in rows)]
    rows = [Row(row.label, row.values[: len(shown)]) for row in rows]
    chance = 100 * PICKS / runs[0].result.length
    title = f"Top-{PICKS} with 95 % intervals; dashed: by chance"
    return interval_chart(title, f"top-{PICKS} of {runs[0].result.length}, %", shown, rows, None, chance)


def _measured(row: dict[str, Any], way: tuple[str, str]) -> Measured:
    shares, intervals = row[way[0]], row[way[1]]
    if shares is None or str(PICKS) not in shares:
        return None
    low, high = intervals[str(PICKS)]
    return 100 * shares[str(PICKS)], (100 * low, 100 * high)


def _differing(runs: Sequence[ReportedRun]) -> list[Chart]:
    """Return the paired differences to the first run, of those that answer its lists; nothing where none does."""
    rows = []
    for run in runs[1:]:
        if run.answers_same_lists(runs[0]):
            gains = [run.result.expected(k) - runs[0].result.expected(k) for k in (1, PICKS)]
            rows.append(Row(run.name, [_points(gain) for gain in gains]))
    title = f"Paired differences to {runs[0].name}, points"
    series = ("top-1", f"top-{PICKS}")
    return [interval_chart(title, "points of expected top-k", series, rows, None, 0.0)] if rows else []


def _points(gain: np.ndarray) -> Measured:
    low, high = paired_interval(gain)
    return 100 * float(gain.mean()), (100 * low, 100 * high)


def transductive(run: ReportedRun) -> str:
    """Return whether a run looks at the test set as a whole, and how."""
    if run.manifest.get("pseudo_pairs"):
        return "yes: trained with the test half"
    return "yes: predictions matched" if run.manifest.get("transductive") else "no"


def difference(run: ReportedRun, baseline: ReportedRun, k: int) -> str:
    """Return by how much a run's expected top-k is higher, with its interval, where both answer the same lists."""
    if not run.answers_same_lists(baseline):
        return "other lists"
    gain = run.result.expected(k) - baseline.result.expected(k)
    text = percent(float(gain.mean()), paired_interval(gain))
    return text if text.startswith("−") else f"+{text}"


def top_k(runs: Sequence[ReportedRun]) -> Section:
    """Return the accuracies for each number of picks, and the recall among all images of a fold."""
    rows = [
        (f"{run.name}, {name}", *(_share(run.row, way, int(k)) for k in run.row["top_k"]))
        for run in runs
        for name, way in (WAYS | MATCHED).items()
        if run.row[way[0]] is not None
    ]
    most = max(runs, key=lambda run: len(run.row["top_k"])).row["top_k"]
    rows = [(*row, *[""] * (len(most) + 1 - len(row))) for row in rows]
    tables = [Table("The truth among the k highest of its list, in %", ("run", *(f"top-{k}" for k in most)), rows)]
    ks = list(dict.fromkeys(k for run in runs for k in run.row["gallery_recall"]))
    rows = [(run.name, *(_known(run.row["gallery_recall"], k, percent) for k in ks)) for run in runs]
    caption = "Recall: the truth among the k highest of all images of its fold, in %"
    tables.append(Table(caption, ("run", *(f"@{k}" for k in ks)), rows))
    return Section("top-k", "Top-k", charts=(_curves(runs),), tables=tuple(tables))


def _curves(runs: Sequence[ReportedRun]) -> Chart:
    """Return the share of queries whose truth is among the k highest of its list, for each k, beside chance."""
    drawn = runs[:CURVES]
    length = max(run.result.length for run in drawn)
    series = {run.name: [(k, float((run.result.ranks <= k).mean())) for k in _upto(run.result.length)] for run in drawn}
    rows = [
        (str(k), *(percent(points[k - 1][1]) if k <= len(points) else "–" for points in series.values()))
        for k in _upto(length)
    ]
    table = Table("The truth among the k highest of its sampled list, in %", ("k", *series), rows)
    series |= {"by chance": [(k, k / length) for k in _upto(length)]}
    return line_chart("The truth among the k highest, sampled", ("k", "share of queries"), series, table)


def _upto(length: int) -> range:
    return range(1, length + 1)


def collection_pairs(runs: Sequence[ReportedRun]) -> Section | None:
    """Return how runs on a collection tell its pairs apart, and what they find; None where there are none."""
    tables = []
    for run in runs:
        if run.verification is None:
            continue
        threshold = run.verification["threshold"]
        caption = (
            f"{run.name}: pairs of the test part, called matched above {threshold:.3f}, as the validation part says"
        )
        pairs = [
            (
                kind,
                f"{one['n']:,}",
                percent(one["accuracy"], one["ci95"]),
                percent(one["auc"], one["auc_ci95"]),
                f"{_score(one['positive'])} / {_score(one['negative'])}",
            )
            for kind, one in run.verification["pairs"].items()
        ]
        tables.append(Table(caption, ("pairs", "n", "accuracy %", "ROC AUC %", "mean scores"), pairs))
        found = list(gallery_rows(run.verification, percent))
        if found:
            caption = f"{run.name}: found among all images of the test part"
            tables.append(Table(caption, ("found by", "queries", "%", "chance %"), found))
    return Section("pairs", "Pairs of the collection", tables=tuple(tables)) if tables else None


def _share(row: dict[str, Any], way: tuple[str, str], k: int) -> str:
    shares, intervals = row[way[0]], row[way[1]]
    return "–" if shares is None else _known(shares, str(k), lambda value: percent(value, intervals[str(k)]))


def _known(values: dict[str, float], key: str, show: Callable[[float], str]) -> str:
    return show(values[key]) if key in values else "–"


def _score(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # without the sign of a zero
