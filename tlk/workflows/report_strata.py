"""Accuracy by kind of pair: what the data say of it, what its images show, how many near-duplicates it has, faces."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.constants import PICKS
from tlk.data.collection import is_collection
from tlk.data.folds import HEADER
from tlk.embeddings.embed import embed
from tlk.errors import UserError
from tlk.metrics import bootstrap_interval
from tlk.report.blocks import Chart, Section, Table
from tlk.report.charts import Interval
from tlk.report.intervals import Row, interval_chart
from tlk.tables import parse_table, read_table
from tlk.workflows.progress import Reporter
from tlk.workflows.report_pictures import Album
from tlk.workflows.report_runs import ReportedRun
from tlk.workflows.report_tables import percent
from tlk.workflows.workspace import Workspace

STRATA = "train_strata.csv"  # left,right, then a column a stratum; the embedded competition has it
MOST_VALUES = 12  # of a column that is shown
CHARTED = 3  # runs

COUNTS = ("neither image", "one image", "both images")
SIZES = ("1 pair alone", "2 pairs", "3 pairs or more")
FLAGS = {"0": "no", "1": "yes"}


@dataclass(frozen=True)
class Stratum:
    """What kinds of pairs there are, and the `(n,)` kind of each."""

    kinds: Sequence[str]
    kind: np.ndarray

    def members(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each kind that there is, with the `(n,)` truth of whether a pair is of it."""
        for number, word in enumerate(self.kinds):
            own = self.kind == number
            if own.any():
                yield word, own


Labels = dict[str, Stratum]


def strata(groups: Sequence[Sequence[ReportedRun]], kinds: Sequence[Labels]) -> Section:
    """Return expected top-2 by kind of pair for each set of lists: a chart a stratum, and a table of all."""
    charts, tables = [], []
    for group, labels in zip(groups, kinds, strict=True):
        if labels:
            charts += [_chart(group[:CHARTED], name, stratum) for name, stratum in labels.items()]
            tables.append(_table(group, labels))
    text = [f"Expected top-{PICKS} in %, with 95 % intervals, of the pairs of each kind. Dashed: the first run on all."]
    if any(len(group) > CHARTED for group in groups):
        text.append(f"The first {CHARTED} runs have dots, the others stand in the table.")
    if not tables:
        text = ["Neither the data nor the images say of what kinds the pairs are."]
    return Section("strata", "By kind of pair", tuple(text), tuple(charts), tuple(tables))


def kinds_of(
    workspace: Workspace, groups: Sequence[Sequence[ReportedRun]], album: Album, faces: bool, reporter: Reporter
) -> tuple[list[Labels], list[str]]:
    """Return of what kinds the pairs of each group of runs are, and notes on what could not be told."""
    found, notes = [], []
    for group in groups:
        first, labels = group[0], {}
        if album.has(first):
            labels = from_table(workspace, first) or from_images(album, first)
        labels |= group_sizes(first)
        if faces and album.has(first) and not is_collection(workspace.data):
            labels |= with_faces(workspace, album, first, reporter)
        elif faces:
            notes.append(f"Without strata of faces: {first.name} is not a run on the competition in {workspace.data}.")
        found.append({name: stratum for name, stratum in labels.items() if len(list(stratum.members())) > 1})
    return found, notes


def from_table(workspace: Workspace, run: ReportedRun) -> Labels:
    """Return what the data's own table of strata says; nothing where there is none, or it is of other pairs."""
    if is_collection(workspace.data):
        return {}
    source = workspace.competition().source
    if not source.exists(STRATA):
        return {}
    table = parse_table(source.read(STRATA), f"{source.location}/{STRATA}")
    if table.header[:2] != ("left", "right"):
        return {}
    rows = {row[:2]: row[2:] for row in table.rows}
    pairs = list(zip(run.oof.query_ids.tolist(), run.oof.gallery_ids.tolist(), strict=True))
    if not set(pairs) <= set(rows):
        return {}
    labels = {}
    for place, name in enumerate(table.header[2:]):
        kinds, kind = np.unique([rows[pair][place] for pair in pairs], return_inverse=True)
        if 2 <= len(kinds) <= MOST_VALUES:
            words = [FLAGS[word] if set(kinds) <= set(FLAGS) else word for word in kinds.tolist()]
            labels[name.replace("_", " ")] = Stratum(words, kind)
    return labels


def from_images(album: Album, run: ReportedRun) -> Labels:
    """Return what the images show: borders, grey ones, and whether the mirrored right image is more like the left."""
    paths = album.paths(run)
    looks = [album.looks[path] for path in paths]
    pairs = list(zip(looks[: len(paths) // 2], looks[len(paths) // 2 :], strict=True))
    mirrored = [float((one.sketch * (two.sketch[:, ::-1] - two.sketch)).sum()) > 0 for one, two in pairs]
    return {
        "border": Stratum(COUNTS, np.array([one.border + two.border for one, two in pairs])),
        "grey": Stratum(COUNTS, np.array([one.grey + two.grey for one, two in pairs])),
        "more alike": Stratum(("as they are", "with one of them mirrored"), np.array(mirrored, np.int64)),
    }


def group_sizes(run: ReportedRun) -> Labels:
    """Return how many pairs near-duplicates join with each, as the run's fold table says; nothing without it."""
    path = Path(str(run.manifest.get("folds", "")))
    if not path.is_file():
        return {}
    try:
        rows = read_table(path, lambda width: HEADER).rows
    except UserError:
        return {}
    group = {row[:2]: row[2] for row in rows}
    pairs = list(zip(run.oof.query_ids.tolist(), run.oof.gallery_ids.tolist(), strict=True))
    if not set(pairs) <= set(group):
        return {}
    _, member, sizes = np.unique(list(group.values()), return_inverse=True, return_counts=True)
    size = dict(zip(group, sizes[member].tolist(), strict=True))
    return {"near-duplicates": Stratum(SIZES, np.array([min(size[pair], len(SIZES)) - 1 for pair in pairs]))}


def with_faces(workspace: Workspace, album: Album, run: ReportedRun, reporter: Reporter) -> Labels:
    """Return in how many images of each pair a detector finds a face: a pass over the images, kept for another time."""
    from tlk.embeddings.faces import FaceDetector

    paths, reader = album.paths(run), workspace.reader(workspace.competition(), passes=1)
    with reporter.track("faces") as progress:
        (counts,) = embed(FaceDetector(), reader, paths, workspace.store(), progress)
    faces = (counts[:, 0] > 0).reshape(2, -1).sum(axis=0)
    return {"faces": Stratum([f"in {words}" for words in COUNTS], faces)}


def _table(group: Sequence[ReportedRun], labels: Labels) -> Table:
    rows = [row for name, stratum in labels.items() for row in _rows(group, name, stratum)]
    chances = [run.result.expected(PICKS) for run in group]
    rows.append(("all", f"{len(group[0].oof.fold):,}", *map(_cell, chances)))
    names = (run.name for run in group)
    return Table(f"Expected top-{PICKS} by kind of pair, in %", ("pairs", "n", *names), rows)


def _rows(group: Sequence[ReportedRun], name: str, stratum: Stratum) -> list[tuple[str, ...]]:
    return [
        (f"{name}: {word}", f"{members.sum():,}", *(_cell(run.result.expected(PICKS)[members]) for run in group))
        for word, members in stratum.members()
    ]


def _cell(chances: np.ndarray) -> str:
    return percent(float(chances.mean()), bootstrap_interval(chances))


def _chart(group: Sequence[ReportedRun], name: str, stratum: Stratum) -> Chart:
    chances = [run.result.expected(PICKS) for run in group]
    rows = [Row(word, [_measured(one[members]) for one in chances]) for word, members in stratum.members()]
    names = [run.name for run in group]
    table = Table(f"{name}, in %", ("pairs", "n", *names), _rows(group, name, stratum))
    return interval_chart(name, f"expected top-{PICKS}, %", names, rows, table, 100 * float(chances[0].mean()))


def _measured(chances: np.ndarray) -> tuple[float, Interval]:
    low, high = bootstrap_interval(chances)  # of shares, which are shown in percent
    return 100 * float(chances.mean()), (100 * low, 100 * high)
