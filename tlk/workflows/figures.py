"""Figures of runs as files: learning curves, ranks, examples, pairs, and of collections the ROC curve."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from tlk.constants import PICKS
from tlk.report import figures as draw
from tlk.report.drawing import FORMATS, save
from tlk.training.history import Epoch
from tlk.workflows.figure_examples import failures, sampled_pairs, successes
from tlk.workflows.figure_pairs import score_pairs_of_test
from tlk.workflows.figure_pictures import Pictures, open_pictures
from tlk.workflows.progress import Reporter
from tlk.workflows.report_curves import LOSSES, SHARES, Measure, stages, trainings
from tlk.workflows.report_runs import ReportedRun
from tlk.workflows.run import Run, find_run
from tlk.workflows.skip_bad import as_trained
from tlk.workflows.workspace import Workspace


def write_figures(workspace: Workspace, names: Sequence[str], folder: Path, reporter: Reporter) -> list[Path]:
    """Write each named run's figures, as PNG and as SVG, into `folder`, and return the files.

    Those with pictures are left out, which is said, where the data are not those that a run was trained on.

    Raises:
        UserError: there is no such run, it is damaged, or the folder cannot be written to.
    """
    open_once = cache(partial(open_pictures, reporter=reporter))
    written = []
    with reporter.track("figures") as progress:
        for number, name in enumerate(names):
            run = ReportedRun.read(find_run(workspace.runs, name))
            pictures = open_once(as_trained(workspace, run.manifest))
            for what, figure in _figures(workspace, run, pictures, reporter):
                written += [save(figure, folder / f"{name}-{what}.{kind}") for kind in FORMATS]
            progress(number + 1, len(names))
    return written


def _figures(
    workspace: Workspace, run: ReportedRun, pictures: Pictures | None, reporter: Reporter
) -> Iterator[tuple[str, Figure]]:
    """Yield a run's figures, each with what its file is called."""
    for title, part in trainings(run.run):
        panels = _panels(part)
        if panels:
            what = "learning-curves" if part == run.run else f"learning-curves-{part.name}"
            yield what, draw.learning_curves(f"{title}: the folds, thin, and their mean", panels)
    ranks = run.result.ranks
    yield "ranks", draw.rank_histogram(f"{run.name}: where the true one stands", ranks, run.result.length, PICKS)
    if pictures is None or not pictures.fit(run.manifest):
        reporter.note(f"run {run.name}: no figures with pictures, {workspace.data} does not have the run's images")
    elif run.verification is None:
        yield from _of_competition(run, pictures)
    else:
        found = score_pairs_of_test(run, workspace, pictures, reporter)
        if found is not None:
            yield "pairs", draw.side_by_side(f"{run.name}: pairs of the test part", found.blocks)
            yield (
                "roc",
                draw.roc_curve(f"{run.name}: test pairs", found.scores, found.match, found.auc, found.threshold),
            )


def _of_competition(run: ReportedRun, pictures: Pictures) -> Iterator[tuple[str, Figure]]:
    for what, title, rows in (
        ("successes", "clearest successes, out-of-fold", successes(run, pictures)),
        ("failures", "clearest failures, out-of-fold", failures(run, pictures)),
    ):
        if rows:
            yield what, draw.examples(f"{run.name}: {title}", rows)
    yield "pairs", draw.side_by_side(f"{run.name}: pairs, out-of-fold", sampled_pairs(run, pictures))


def _panels(run: Run) -> list[draw.Panel]:
    panels = []
    for stage, folds in stages(run).items():
        for label, measures in (("loss", LOSSES), ("share of the inner split", SHARES)):
            series = {name: lines for name, measure in measures.items() if (lines := _lines(folds.values(), measure))}
            if series:
                panels.append(draw.Panel(stage, label, series))
    return panels


def _lines(folds: Iterable[Sequence[Epoch]], measure: Measure) -> list[draw.Line]:
    """Return a fold's epochs and values a line, without epochs in which nothing was measured."""
    lines = []
    for rows in folds:
        values = np.array([np.nan if (value := measure(row)) is None else value for row in rows], np.float64)
        known = np.isfinite(values)
        if known.any():
            lines.append((np.array([row.epoch for row in rows])[known], values[known]))
    return lines
