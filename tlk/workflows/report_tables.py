"""Numbers of runs as a report's tables: the leaderboard, paired differences, top-k, recall, pairs of a collection."""

from collections.abc import Callable, Sequence
from typing import Any

from tlk.constants import PICKS
from tlk.metrics import paired_interval
from tlk.report.blocks import Section, Table
from tlk.workflows.report_runs import ReportedRun

WAYS = {"sampled": ("top_k", "ci95"), "expected": ("expected_top_k", "expected_ci95")}
MATCHED = {"matched": ("matched_top_k", "matched_ci95")}


def percent(value: float, interval: Sequence[float] | None = None) -> str:
    """Return an accuracy in percent, with its interval if there is one."""
    text = f"{100 * value:.1f}".replace("-", "−")
    if interval is None:
        return text
    return f"{text} [{percent(interval[0])}, {percent(interval[1])}]"


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
    if len(runs) > 1:
        caption = f"Paired differences to {runs[0].name} in points of expected top-k, query by query"
        rows = [(run.name, *(difference(run, runs[0], k) for k in (1, PICKS))) for run in runs[1:]]
        tables.append(Table(caption, ("run", "top-1", f"top-{PICKS}"), rows))
    text = (
        "Sampled: on seeded lists, built as the competition builds its own. Expected: the exact chance in a random "
        "list of the fold's images, free of the luck of the draw. Matched: each image given to one query, looking at "
        "all lists at once, so transductive. A run is transductive where its predictions, or its training, use the "
        "test set as a whole."
    )
    return Section("leaderboard", "Leaderboard", (text,), tables=tuple(tables))


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
    return Section("top-k", "Top-k", tables=tuple(tables))


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
        found = _found(run.verification)
        if found:
            caption = f"{run.name}: found among all images of the test part"
            tables.append(Table(caption, ("found by", "queries", "%", "chance %"), found))
    return Section("pairs", "Pairs of the collection", tables=tuple(tables)) if tables else None


def _found(verification: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            f"{rule}, {name}@{k}",
            f"{one['queries']:,} in {one['gallery']:,}",
            percent(value, one[f"{name}_ci95"][k]),
            percent(one["chance"][k][name]),
        )
        for rule, one in verification["gallery"].items()
        for name in ("recall", "precision")
        for k, value in one[name].items()
    ]


def _share(row: dict[str, Any], way: tuple[str, str], k: int) -> str:
    shares, intervals = row[way[0]], row[way[1]]
    return "–" if shares is None else _known(shares, str(k), lambda value: percent(value, intervals[str(k)]))


def _known(values: dict[str, float], key: str, show: Callable[[float], str]) -> str:
    return show(values[key]) if key in values else "–"


def _score(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "−")  # without the sign of a zero
