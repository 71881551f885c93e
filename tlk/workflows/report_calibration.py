"""Calibration: what a score, and what a chance made of scores, says of whether the top pick is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlk.metrics import bootstrap_interval
from tlk.report.blocks import Chart, Section, Table
from tlk.report.charts import line_chart
from tlk.workflows.report_runs import ReportedRun
from tlk.workflows.report_tables import percent
from tlk.workflows.sampled_lists import SampledLists

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Queries of like value: how many, their mean value, the share whose top pick is right, and its interval."""

    count: int
    value: float
    right: float
    interval: tuple[float, float]


def calibration(runs: Sequence[ReportedRun]) -> Section:
    """Return, a run, the reliability of its chances and the accuracy by the top pick's score."""
    charts, lines = [], []
    for run in runs:
        right = (run.result.ranks == 1).astype(np.float64)
        chances = top_chances(run.result.sampled_lists)
        if chances is None:
            lines.append(
                f"{run.name} has one part that is scored, so nothing to fit a temperature on but that part itself."
            )
        else:
            found = bins(chances, right)
            charts.append(_chart(f"{run.name}: chance and truth", "chance of the top pick", found, True))
            lines.append(
                f"{run.name}: the top pick is right in {percent(float(right.mean()))} % of the lists, its chances say "
                f"{percent(float(chances.mean()))} %; the bins are off by {percent(calibration_error(found))} points "
                "on average."
            )
        scores = np.nan_to_num(np.asarray(run.result.sampled_lists.scores, np.float64).max(axis=1))
        charts.append(_chart(f"{run.name}: accuracy by score", "score of the top pick", bins(scores, right), False))
    text = (
        "Is the highest candidate the truth? Chances are a softmax over a list's scores at a temperature that was "
        "fitted on the other folds, so no query has a say in its own. Each dot is a tenth of the queries, with its "
        "95 % interval; on the diagonal chances are what they claim to be."
    )
    return Section("calibration", "Calibration", (text, *lines), tuple(charts))


def top_chances(sampled: SampledLists) -> np.ndarray | None:
    """Return the `(n,)` chances of the highest candidate of each list; None where there is but one fold."""
    folds = np.unique(sampled.fold)
    if len(folds) < 2:
        return None
    scores = np.nan_to_num(np.asarray(sampled.in_deviations(), np.float64))
    chances = np.empty(len(scores))
    for number in folds:
        own = sampled.fold == number
        temperature = fit_temperature(scores[~own], sampled.truth[~own])
        chances[own] = np.exp(_log_softmax(scores[own] / temperature)).max(axis=1)
    return chances


def fit_temperature(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the temperature at which a softmax of `(n, m)` scores gives the `(n,)` truths the highest likelihood.

    Source: Guo et al., *On Calibration of Modern Neural Networks*, 2017.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_temperature: float) -> float:
        chosen = np.take_along_axis(_log_softmax(scores / np.exp(log_temperature)), truth[:, None], axis=1)
        return -float(chosen.mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x))


def bins(values: np.ndarray, right: np.ndarray, count: int = BINS) -> list[Bin]:
    """Return `count` bins of as many queries each, by `(n,)` value; `right` is `(n,)` 0 or 1."""
    parts = np.array_split(np.argsort(values, kind="stable"), min(count, len(values)))
    return [
        Bin(len(part), float(values[part].mean()), float(right[part].mean()), bootstrap_interval(right[part]))
        for part in parts
    ]


def calibration_error(found: Sequence[Bin]) -> float:
    """Return the mean distance of what bins claim from what is right in them: the expected calibration error."""
    return float(np.average([abs(one.value - one.right) for one in found], weights=[one.count for one in found]))


def _chart(title: str, what: str, found: Sequence[Bin], square: bool) -> Chart:
    rows = [(f"{one.value:.3f}".replace("-", "−"), str(one.count), percent(one.right, one.interval)) for one in found]
    series = {"found": [(one.value, one.right) for one in found]}
    if square:
        series["as claimed"] = [(0.0, 0.0), (1.0, 1.0)]
    whiskers = [(one.value, one.interval) for one in found]
    table = Table(title, (f"mean {what}", "queries", "right %"), rows)
    return line_chart(title, (what, "share that is right"), series, table, whiskers=whiskers, dots=True, square=square)


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
