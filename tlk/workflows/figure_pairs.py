"""The pairs of a collection's test part, scored: some to look at, all for the ROC curve."""

from dataclasses import dataclass

import numpy as np

from tlk.data.collection import Collection
from tlk.data.collection_pairs import CollectionPairs, read_pairs
from tlk.data.parts import TEST
from tlk.report.figures import Shown
from tlk.verification import roc_auc
from tlk.workflows.figure_pictures import Pictures
from tlk.workflows.progress import Reporter
from tlk.workflows.report_runs import ReportedRun
from tlk.workflows.verify import counted_once, embedded
from tlk.workflows.workspace import Workspace

_PAIRS, _BLOCK = 4, 256  # shown of each kind; scored at a time


@dataclass(frozen=True)
class ScoredPairs:
    """`(n,)` scores and verdicts of the test part's pairs, each once, and blocks of pairs to look at."""

    scores: np.ndarray
    match: np.ndarray
    auc: float
    threshold: float
    blocks: dict[str, list[tuple[Shown, Shown, float]]]


def score_pairs_of_test(
    run: ReportedRun, workspace: Workspace, pictures: Pictures, reporter: Reporter
) -> ScoredPairs | None:
    """Score the pairs of the test part with the run's model; None where they are not of both kinds."""
    collection = pictures.data
    assert isinstance(collection, Collection)  # noqa: S101  # the run is one on a collection
    assert run.verification is not None  # noqa: S101
    found = read_pairs(collection, workspace.data)
    rows = np.flatnonzero((found.part == TEST) & counted_once(found))
    match = found.match[rows]
    if match.all() or not match.any():
        return None
    images = np.flatnonzero(found.image_part == TEST)
    embeddings, scorer = embedded(run.run, collection, images, workspace, "auto", reporter)
    left, right = (np.searchsorted(images, side[rows]) for side in (found.left, found.right))
    scores = np.concatenate(
        [
            scorer.compare(embeddings[left[at : at + _BLOCK]], embeddings[right[at : at + _BLOCK]])
            for at in range(0, len(rows), _BLOCK)
        ]
    )
    known = np.isfinite(scores)
    rows, match, auc = rows[known], match[known], roc_auc(scores, match)
    blocks = _blocks(found, rows, match, scores[known], collection, pictures)
    return ScoredPairs(scores[known], match, auc, float(run.verification["threshold"]), blocks)


def _blocks(
    found: CollectionPairs,
    rows: np.ndarray,
    match: np.ndarray,
    scores: np.ndarray,
    collection: Collection,
    pictures: Pictures,
) -> dict[str, list[tuple[Shown, Shown, float]]]:
    """Return pairs of both kinds, drawn by lot, always the same."""
    order = np.random.default_rng(0).permutation(len(rows))
    what = " + ".join(found.rules)

    def shown(image: int) -> Shown:
        artist = collection.column("artist")[image] if "artist" in collection.columns else ""
        return Shown(artist or collection.ids[image], pictures.of([collection.paths[image]])[0])

    blocks = {}
    for name, kind in ((f"same {what}", True), (f"different {what}", False)):
        chosen = [place for place in order if match[place] == kind][:_PAIRS]
        blocks[name] = [
            (shown(found.left[rows[place]]), shown(found.right[rows[place]]), float(scores[place])) for place in chosen
        ]
    return blocks
