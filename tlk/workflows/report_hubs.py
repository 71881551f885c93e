"""Hubs: candidates that are picked too often, in the sampled lists and among all images of a fold.

Source: Radovanović et al., *Hubs in Space*, 2010: k-occurrences and their skewness.
"""

from collections.abc import Sequence

import numpy as np

from tlk.constants import PICKS
from tlk.report.blocks import Cell, Chart, Picture, Section, Table
from tlk.report.charts import bar_chart
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.report_pictures import Album
from tlk.workflows.report_ranks import binned
from tlk.workflows.report_runs import ReportedRun, predicted_order
from tlk.workflows.report_tables import percent

NEIGHBOURS = 10
SHOWN = 6
EDGES = (0, 1, 3, 6, 11, 21, 51, 101)  # of occurrences: where a bin begins
_BLOCK = 1024


def hubs(runs: Sequence[ReportedRun], album: Album) -> Section:
    """Return the worst hubs of each run and how occurrences spread."""
    charts, tables, lines = [], [], []
    for run in runs:
        wrong, foil = wrong_picks(run)
        found = occurrences(run.oof)
        near = min(NEIGHBOURS, int(run.result.others.min()) + 1)
        charts.append(_chart(run.name, found, near))
        lines.append(
            f"{run.name}: {percent(float((found == 0).mean()))} % of the images are nobody's {near} nearest, one is "
            f"that of {found.max()} queries (evenly spread: {near}); skewness {skewness(found):.2f}."
        )
        tables.append(_table(run, album, wrong, foil, found, near))
    text = "A hub looks like everything: it is near to many queries and takes their picks from the truth."
    return Section("hubs", "Hubs", (text, *lines), tuple(charts), tuple(tables))


def wrong_picks(run: ReportedRun) -> tuple[np.ndarray, np.ndarray]:
    """Return for each pair how often its right image is picked in a list of others, and in how many lists it stands."""
    lists = run.result.sampled_lists.lists
    ordered = np.take_along_axis(lists, predicted_order(run.result), axis=1)
    own = np.arange(len(lists))[:, None]
    picks = ordered[:, :PICKS]
    count = len(lists)
    return np.bincount(picks[picks != own], minlength=count), np.bincount(lists[lists != own], minlength=count)


def occurrences(oof: OutOfFold, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Return for each pair of how many queries of its fold the right image is among the nearest `neighbours`."""
    counts = np.zeros(len(oof.fold), np.int64)
    for fold in np.unique(oof.fold):
        members = np.flatnonzero(oof.fold == fold)
        k = min(neighbours, len(members))
        for start in range(0, len(members), _BLOCK):
            scores = oof.scorer.similarity(oof.queries[members[start : start + _BLOCK]], oof.gallery[members])
            nearest = np.argpartition(-np.nan_to_num(scores), k - 1, axis=1)[:, :k]
            counts[members] += np.bincount(nearest.ravel(), minlength=len(members))
    return counts


def skewness(counts: np.ndarray) -> float:
    """Return the third standardised moment of `(n,)` counts; 0 where all are equal."""
    centred = counts - counts.mean()
    spread = centred.std()
    return float((centred**3).mean() / spread**3) if spread > 0 else 0.0


def _chart(name: str, found: np.ndarray, near: int) -> Chart:
    title = f"{name}: among the {near} nearest of how many queries"
    bars = binned(found, EDGES)
    table = Table(title, ("queries", "images"), [(label, f"{count:,}") for label, count in bars])
    return bar_chart(title, ("queries that an image is near to", "images"), bars, table)


def _table(run: ReportedRun, album: Album, wrong: np.ndarray, foil: np.ndarray, found: np.ndarray, near: int) -> Table:
    rate = wrong.sum() / max(1, foil.sum())
    rows: list[tuple[Cell, ...]] = []
    for pair in np.lexsort((-found, -wrong))[:SHOWN]:
        name = str(run.oof.gallery_ids[pair])
        rows.append(
            (
                name,
                Picture(album.right(run, pair), name),
                f"{wrong[pair]} of {foil[pair]}",
                f"{rate * foil[pair]:.1f}",
                str(found[pair]),
            )
        )
    header = ("image", "", "picked wrongly, of lists", "evenly spread", f"near to ({near} nearest)")
    return Table(f"{run.name}: candidates most often among the {PICKS} picks without being the truth", header, rows)
