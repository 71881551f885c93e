"""The whole gallery instead of lists of 20: ranks in both directions, and pairs with and without faces.

Source: Munteanu, *Image Similarity*, 2022: top-1 to top-100, the frequency vector of ranks, the pairs without faces;
the data are not symmetric, so right → left is measured, too.
"""

from typing import Any

import numpy as np

from tlk.constants import PICKS
from tlk.embeddings.embed import embed
from tlk.errors import UserError
from tlk.metrics import bootstrap_interval, rank_frequency
from tlk.workflows.evaluate import RECALLS, Outcomes, fold_ranks, outcomes
from tlk.workflows.manifest import describe_data
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run, find_run
from tlk.workflows.skip_bad import as_trained
from tlk.workflows.workspace import Workspace

Counts = dict[str, dict[str, Any]]


def evaluate_gallery(workspace: Workspace, name: str, faces: bool, reporter: Reporter) -> dict[str, Any]:
    """Return a run's ranks among all right images of a fold, and among all left ones the other way round.

    With `faces`, the accuracies of pairs by where a detector finds a face.

    Raises:
        UserError: no such run, or with `faces` the images are not those of the data.
    """
    run = find_run(workspace.runs, name)
    oof = run.out_of_fold()
    result = outcomes(oof)
    backward, _ = fold_ranks(oof.fold, oof.gallery, oof.queries, oof.scorer.reversed())
    smallest = int(result.others.min()) + 1
    row = {
        "run": name,
        "n": len(oof.fold),
        "gallery": sorted({int(others) + 1 for others in result.others}),
        "left_to_right": _recalls(result.beating, smallest),
        "right_to_left": _recalls(backward, smallest),
        "rank_frequency": rank_frequency(result.beating).tolist(),
        "mean_similarity": mean_similarity(oof),
    }
    if faces:
        row["faces"] = _by_faces(oof, result, smallest, _has_face(workspace, run, oof, reporter))
    return row


def mean_similarity(oof: OutOfFold) -> dict[str, float]:
    """Return the mean similarity of the matched pairs, and of every query with the other right images of its fold."""
    positive, negative, others = 0.0, 0.0, 0
    for fold in np.unique(oof.fold):
        members = np.flatnonzero(oof.fold == fold)
        queries, gallery = oof.queries[members], oof.gallery[members]
        for start in range(0, len(members), 1024):
            block = oof.scorer.similarity(queries[start : start + 1024], gallery)
            own = block[np.arange(len(block)), start + np.arange(len(block))].sum(dtype=np.float64)
            positive, negative = positive + own, negative + block.sum(dtype=np.float64) - own
        others += len(members) * (len(members) - 1)
    return {"positive": float(positive / len(oof.fold)), "negative": float(negative / others)}


def _recalls(beating: np.ndarray, smallest: int) -> Counts:
    """Return, for each k that fits into the smallest gallery, how many are found, their share and its interval."""
    found = {k: (beating < k).astype(np.float64) for k in RECALLS if k <= smallest}
    return {
        str(k): {"found": int(hits.sum()), "share": float(hits.mean()), "ci95": bootstrap_interval(hits)}
        for k, hits in found.items()
    }


def _has_face(workspace: Workspace, run: Run, oof: OutOfFold, reporter: Reporter) -> np.ndarray:
    """Return `(n, 2)` booleans: whether each pair's left and right image has a face."""
    from tlk.embeddings.faces import FaceDetector

    competition = as_trained(workspace, run.manifest()).competition()
    pairs, reader = competition.train_pairs(), workspace.reader(competition, passes=1)
    paths = [*competition.paths("train/left", pairs.lefts), *competition.paths("train/right", pairs.rights)]
    if (
        describe_data(competition.name, paths, reader.keys(paths))["fingerprint"]
        != run.manifest()["data"]["fingerprint"]
    ):
        raise UserError(f"run {run.name} was trained on other images than {workspace.data}\nname its data with --data")
    paths = competition.paths("train/left", oof.query_ids.tolist())
    paths += competition.paths("train/right", oof.gallery_ids.tolist())
    with reporter.track("faces") as progress:
        (counts,) = embed(FaceDetector(), reader, paths, workspace.store(), progress)
    return np.asarray(counts[:, 0] > 0).reshape(2, -1).T


def _by_faces(oof: OutOfFold, result: Outcomes, smallest: int, has_face: np.ndarray) -> Counts:
    faces = has_face.sum(axis=1)  # of a pair's two images
    rows = {}
    for kind, count in {"both": 2, "one": 1, "none": 0}.items():
        members = faces == count
        if not members.any():
            continue
        expected = result.expected(PICKS)[members]
        rows[kind] = {
            "n": int(members.sum()),
            "expected_top_2": float(expected.mean()),
            "ci95": bootstrap_interval(expected),
            "left_to_right": _recalls(result.beating[members], smallest),
        }
    return rows
