"""Accuracy by kind of pair: what the data say of it, what its images show, how many near-duplicates it has, faces."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.constants import PICKS
from tlk.data.collection import is_collection
from tlk.data.folds import HEADER
from tlk.embeddings.embed import embed
from tlk.errors import UserError
from tlk.metrics import bootstrap_interval
from tlk.report.blocks import Section, Table
from tlk.tables import parse_table, read_table
from tlk.workflows.progress import Reporter
from tlk.workflows.report_pictures import Album
from tlk.workflows.report_runs import ReportedRun, groups_of
from tlk.workflows.report_tables import percent
from tlk.workflows.workspace import Workspace

STRATA = "train_strata.csv"  # left,right, then a column a stratum; the embedded competition has it
MOST_VALUES = 12  # of a column that is shown

COUNTS = ("neither image", "one image", "both images")
SIZES = ("1 pair alone", "2 pairs", "3 pairs or more")
FLAGS = {"0": "no", "1": "yes"}


@dataclass(frozen=True)
class Stratum:
    """What kinds of pairs there are, and the `(n,)` kind of each."""

    kinds: Sequence[str]
    kind: np.ndarray


Labels = dict[str, Stratum]


def strata(
    workspace: Workspace, runs: Sequence[ReportedRun], album: Album, faces: bool, reporter: Reporter
) -> tuple[Section, list[str]]:
    """Return expected top-2 by stratum, a table for each set of lists, and notes on what could not be told."""
    tables, notes = [], []
    for group in groups_of(runs):
        first, labels = group[0], {}
        if album.has(first):
            labels = from_table(workspace, first) or from_images(album, first)
        labels |= group_sizes(first)
        if faces and album.has(first) and not is_collection(workspace.data):
            labels |= with_faces(workspace, album, first, reporter)
        elif faces:
            notes.append(f"Without strata of faces: {first.name} is not a run on the competition in {workspace.data}.")
        tables += [_table(group, labels)] if labels else []
    text = f"Expected top-{PICKS} in %, with 95 % intervals, of the pairs of each kind."
    nothing = "Neither the data nor the images say of what kinds the pairs are."
    return Section("strata", "By kind of pair", (text if tables else nothing,), tables=tuple(tables)), notes


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
    rows = []
    chances = {run.name: run.result.expected(PICKS) for run in group}
    for name, stratum in labels.items():
        for number, word in enumerate(stratum.kinds):
            members = stratum.kind == number
            if members.any():
                rows.append((f"{name}: {word}", f"{members.sum():,}", *_cells(chances.values(), members)))
    everything = np.ones(len(group[0].oof.fold), bool)
    rows.append(("all", f"{len(everything):,}", *_cells(chances.values(), everything)))
    return Table(f"Expected top-{PICKS} by kind of pair, in %", ("pairs", "n", *chances), rows)


def _cells(chances: Iterable[np.ndarray], members: np.ndarray) -> list[str]:
    return [percent(float(one[members].mean()), bootstrap_interval(one[members])) for one in chances]
