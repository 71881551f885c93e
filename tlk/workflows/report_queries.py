"""What the report's table of queries shows: lists in predicted order, scores, ranks and margins, run by run."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tlk.constants import PICKS
from tlk.workflows.evaluate import Outcomes
from tlk.workflows.report_pictures import Album
from tlk.workflows.report_runs import ReportedRun, predicted_order
from tlk.workflows.report_strata import Labels

DIGITS = 4


def queries(
    groups: Sequence[Sequence[ReportedRun]], runs: Sequence[ReportedRun], album: Album, kinds: Sequence[Labels]
) -> dict[str, Any]:
    """Return a document of numbers and ids: runs that answer the same lists share the pairs that they speak of."""
    place = {run.name: number for number, group in enumerate(groups) for run in group}
    return {
        "picks": PICKS,
        "pairs": [_pairs(group[0], album, labels) for group, labels in zip(groups, kinds, strict=True)],
        "runs": [_run(run) | {"pairs": place[run.name]} for run in runs],
    }


def margins(result: Outcomes) -> np.ndarray:
    """Return the `(n,)` scores of the truths less those of the best other candidate, in deviations of the fold's."""
    sampled = result.sampled_lists
    scores = np.array(sampled.in_deviations(), np.float64)
    own = np.take_along_axis(scores, sampled.truth[:, None], axis=1)[:, 0]
    np.put_along_axis(scores, sampled.truth[:, None], -np.inf, axis=1)
    return np.asarray(own - scores.max(axis=1))


def _pairs(run: ReportedRun, album: Album, labels: Labels) -> dict[str, Any]:
    count = range(len(run.oof.fold))
    return {
        "left": run.oof.query_ids.tolist(),
        "right": run.oof.gallery_ids.tolist(),
        "leftPicture": [album.left(run, pair) for pair in count],
        "rightPicture": [album.right(run, pair) for pair in count],
        "kinds": [
            {"name": name, "words": list(stratum.kinds), "kind": stratum.kind.tolist()}
            for name, stratum in labels.items()
        ],
    }


def _run(run: ReportedRun) -> dict[str, Any]:
    result, order = run.result, predicted_order(run.result)
    return {
        "name": run.name,
        "order": np.take_along_axis(result.sampled_lists.lists, order, axis=1).tolist(),
        "scores": [_rounded(row) for row in np.take_along_axis(result.sampled_lists.scores, order, axis=1)],
        "rank": result.ranks.tolist(),
        "margin": _rounded(margins(result)),
        "gallery": (result.beating + 1).tolist(),
        "images": (result.others + 1).tolist(),
    }


def _rounded(values: np.ndarray) -> list[float | None]:
    """Return numbers as JSON has them: short, and None for what is not finite."""
    rounded = np.round(np.asarray(values, np.float64), DIGITS)
    return [value if ok else None for value, ok in zip(rounded.tolist(), np.isfinite(rounded).tolist(), strict=True)]
