"""Learning curves: what history.csv tells of each stage of a training, fold by fold."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tlk.errors import UserError, damaged_run
from tlk.report.blocks import Chart, Section, Table
from tlk.report.charts import line_chart
from tlk.tables import parse_table
from tlk.training.history import EPOCH_COLUMNS, Epoch
from tlk.workflows.report_runs import ReportedRun
from tlk.workflows.run import Run
from tlk.workflows.train_folds import HISTORY

Folds = dict[str, list[Epoch]]
Measure = Callable[[Epoch], float | None]

LOSSES: dict[str, Measure] = {"training": lambda row: row.loss, "inner split": lambda row: row.inner_loss}
SHARES: dict[str, Measure] = {
    "top-2": lambda row: row.inner_top_2,
    "accuracy": lambda row: row.inner_accuracy,
}


def learning_curves(runs: Sequence[ReportedRun]) -> Section:
    """Return the curves of all runs, those of an ensemble's members as well."""
    charts, silent = [], []
    for run in runs:
        drawn = [chart for name, part in trainings(run.run) for chart in _charts(name, part)]
        charts += drawn
        silent += [] if drawn else [run.name]
    text = (
        "Bold: the mean over the folds, as long as all of them train; thin: each fold. The inner split is a part of "
        "the training folds, held out to stop early and to choose an epoch: never the fold that is scored.",
        *([f"Nothing is learned in several epochs: {', '.join(silent)}."] if silent else []),
    )
    return Section("curves", "Learning curves", text, tuple(charts))


def stages(run: Run) -> dict[str, Folds]:
    """Return a run's epochs by stage and fold; none where nothing was learned.

    Raises:
        UserError: its history is damaged.
    """
    path = run.folder / "history.csv"
    found: dict[str, Folds] = {}
    if not path.exists():
        return found
    try:
        for fold, stage, *cells in parse_table(path.read_bytes(), str(path), lambda width: HISTORY).rows:
            row = Epoch.of(dict(zip(EPOCH_COLUMNS, cells, strict=True)))
            found.setdefault(stage, {}).setdefault(fold, []).append(row)
    except (OSError, ValueError, UserError) as error:
        raise damaged_run(run.folder, f"cannot read {path}: {str(error).splitlines()[0]}") from error
    return found


def trainings(run: Run) -> Iterator[tuple[str, Run]]:
    """Yield the runs of single recipes that a run consists of, each with its title."""
    blend = run.blend()
    if blend is None:
        yield run.name, run
        return
    for member in blend.members:
        for name, part in trainings(run.member(member.run)):
            yield f"{run.name}: {name}", part


def _charts(name: str, run: Run) -> list[Chart]:
    charts = []
    for stage, folds in stages(run).items():
        title = name if stage == "training" else f"{name}, {stage}"
        for what, measures in (("loss", LOSSES), ("inner split", SHARES)):
            known = {key: measure for key, measure in measures.items() if _means(folds, measure)}
            if known:
                charts.append(_chart(f"{title}: {what}", what if what == "loss" else "share", folds, known))
    return charts


def _chart(title: str, label: str, folds: Folds, measures: dict[str, Measure]) -> Chart:
    means = {key: _means(folds, measure) for key, measure in measures.items()}
    faint = [
        (number, [(row.epoch, value) for row in rows if (value := measure(row)) is not None])
        for number, measure in enumerate(measures.values())
        for rows in folds.values()
    ]
    epochs = sorted({epoch for mean in means.values() for epoch in mean})
    rows = [
        (str(epoch), *(f"{mean[epoch]:.4g}" if epoch in mean else "–" for mean in means.values())) for epoch in epochs
    ]
    table = Table(f"{title}, mean over the folds", ("epoch", *means), rows)
    series = {key: list(mean.items()) for key, mean in means.items()}
    return line_chart(
        title, ("epoch", label if len(series) > 1 else f"{label} ({next(iter(series))})"), series, table, faint
    )


def _means(folds: Folds, measure: Measure) -> dict[float, float]:
    """Return the mean of a measure by epoch, over the folds that have it, as long as all of these go on.

    Where one has stopped the mean of the others would jump, though nothing was learned or lost.
    """
    values: dict[float, list[float]] = {}
    for rows in folds.values():
        for row in rows:
            value = measure(row)
            if value is not None and math.isfinite(value):
                values.setdefault(row.epoch, []).append(value)
    most = max(map(len, values.values()), default=0)
    return {epoch: float(np.mean(values[epoch])) for epoch in sorted(values) if len(values[epoch]) == most}
