"""Where the truth stands: ranks in the sampled lists and among all images of the fold, as histograms."""

from collections.abc import Sequence

import numpy as np

from tlk.report.blocks import Chart, Section, Table
from tlk.report.charts import bar_chart
from tlk.workflows.report_runs import ReportedRun

EDGES = (1, 2, 3, 6, 11, 26, 51, 101, 251, 501, 1001, 10001)  # of ranks in a gallery: where a bin begins


def ranks(runs: Sequence[ReportedRun]) -> Section:
    """Return two histograms a run."""
    charts = []
    for run in runs:
        counts = np.bincount(run.result.ranks, minlength=run.result.length + 1)[1:]
        bars = [(str(rank + 1), int(count)) for rank, count in enumerate(counts)]
        charts.append(_chart(f"{run.name}: rank in lists of {run.result.length}", bars))
        charts.append(_chart(f"{run.name}: rank among all images of the fold", binned(run.result.beating + 1, EDGES)))
    text = (
        "How many queries have their truth at each rank. Ties count against us. A bar at the end is what never works."
    )
    return Section("ranks", "Ranks", (text,), tuple(charts))


def binned(values: np.ndarray, edges: Sequence[int]) -> list[tuple[str, int]]:
    """Return how many of `(n,)` whole numbers lie in the bins that begin at `edges`, up to the last that has any."""
    ends = [*(edge - 1 for edge in edges[1:]), int(values.max())]
    return [
        (str(first) if first == last else f"{first}–{last}", int(((values >= first) & (values <= last)).sum()))
        for first, last in zip(edges, ends, strict=True)
        if first <= values.max()
    ]


def _chart(title: str, bars: Sequence[tuple[str, int]]) -> Chart:
    total = sum(count for _, count in bars)
    rows = [(label, f"{count:,}", f"{100 * count / total:.1f}") for label, count in bars]
    # A phone has no room for "11–15" under a bar.
    short = [(label.split("–")[0] + "+" * ("–" in label), count) for label, count in bars]
    return bar_chart(title, ("rank of the truth", "queries"), short, Table(title, ("rank", "queries", "%"), rows))
