"""Two images: how alike a run finds them, and whether it calls them a match.

The manual test of Waked and Sawaed, *Classifying two images of painting as belonging to the same artist or not*, 2023:
two paths, one verdict; here with what known pairs say of its worth.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlk.constants import PICKS
from tlk.data.collection import Collection, is_collection
from tlk.data.gallery import Gallery
from tlk.data.parts import TRAIN
from tlk.data.source import data_name
from tlk.errors import UserError
from tlk.workflows.collection_tables import tables_of
from tlk.workflows.device import require_device
from tlk.workflows.known_scores import KnownScores, score_out_of_fold
from tlk.workflows.pair_images import find_images, find_unseen
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run, best_run, find_run
from tlk.workflows.search_queries import SearchReader
from tlk.workflows.search_spaces import Images, RunSpace
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class Compared:
    """Two images as a run sees them; percentiles are of its scores of known matches and of known non-matches.

    `probability` is that of a match where a `share` of all pairs match; `accuracy` what such verdicts on known pairs
    are worth. `out_of_fold`: the two are the run's own training images, compared by the model that saw neither.
    """

    first: str
    second: str
    run: str
    similarity: float
    percentiles: tuple[float, float]
    threshold: float
    probability: float
    share: float
    accuracy: float
    out_of_fold: bool

    @property
    def match(self) -> bool:
        """The verdict."""
        return self.similarity > self.threshold

    @property
    def chance_right(self) -> float:
        """The chance that the verdict is right."""
        return self.probability if self.match else 1 - self.probability

    def document(self) -> dict[str, Any]:
        """Return what `tlk compare --json` prints."""
        return {
            "images": [self.first, self.second],
            "run": self.run,
            "similarity": self.similarity,
            "percentile": dict(zip(("matched", "unmatched"), self.percentiles, strict=True)),
            "threshold": self.threshold,
            "match": self.match,
            "chance_right": self.chance_right,
            "probability": self.probability,
            "share": self.share,
            "accuracy": self.accuracy,
            "out_of_fold": self.out_of_fold,
        }


def compare(
    workspace: Workspace, first: str, second: str, name: str | None, device: str, reporter: Reporter
) -> Compared:
    """Compare two images, each named by its path or by its id in the data.

    Two training images of one fold of the run's, a left and a right one, are compared by the model that saw neither.

    Raises:
        UserError: an image cannot be read, there is no such run, or a file of it is missing or damaged.
    """
    require_device(device)
    found = find_images(workspace.data, (first, second))
    paths, gallery = list(found.paths), found.gallery
    if name is None:
        run = best_run(workspace.runs, data_name(workspace.data))
        reporter.note(f"comparing with run {run.name}, the best by out-of-fold top-{PICKS}")
    else:
        run = find_run(workspace.runs, name)
    known = KnownScores.of(run)
    unseen = find_unseen(run, paths, workspace)
    score = None if unseen is None else score_out_of_fold(run, unseen.query, unseen.candidate)
    similarity = _similarity(run, paths, gallery, workspace, device, reporter) if score is None else score
    if score is None:
        for learned in _learned_from(run, paths, gallery):
            reporter.note(f"run {run.name} may have learned from {learned}: what it says of it flatters")
    probability = float(known.curve.probability(np.array([similarity]))[0])
    return Compared(
        first=first,
        second=second,
        run=run.name,
        similarity=similarity,
        percentiles=known.percentiles(similarity),
        threshold=known.threshold,
        probability=probability,
        share=known.curve.share,
        accuracy=known.accuracy,
        out_of_fold=score is not None,
    )


def _similarity(
    run: Run, paths: list[str], gallery: Gallery, workspace: Workspace, device: str, reporter: Reporter
) -> float:
    if len(gallery):
        workspace.remember(gallery.source.location)  # before anything of it is stored
    reader, order = SearchReader(gallery.source), paths[::-1]
    space = RunSpace(run, workspace, device, reporter)
    _, alike = space.nearest(Images(reader, order, reader.keys(order), 1, np.array([1])), 1)
    if not np.isfinite(alike).all():
        raise UserError(f"{space.name} gives a similarity that is not finite\ntrain the run again, or take another")
    return float(alike[0, 0])


def _learned_from(run: Run, paths: list[str], gallery: Gallery) -> list[str]:
    """Return which of the images, without repeats, belong to what a run on these data learns from."""
    if run.manifest()["data"]["name"] != gallery.source.name:
        return []
    if run.verification() is None:
        return [path for path in dict.fromkeys(paths) if path.startswith("train/")]
    location = gallery.source.location
    if not is_collection(location):
        return []
    collection = Collection(location)
    part = np.full(len(collection), TRAIN)  # where nothing says what the run learned from: any image may be of it
    with suppress(UserError):
        tables = tables_of(run, collection, location)
        part = part if tables is None else tables.image_part
    own = dict(zip(collection.paths, part, strict=True))
    return [path for path in dict.fromkeys(paths) if own.get(path) == TRAIN]
