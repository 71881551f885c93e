"""Which queries a figure shows: the clearest successes and failures, and pairs drawn by lot.

Source: Peng and Widjaja, *Image Similarity Models with the TotallyLooksAlike Dataset*, figures 7 to 10; for pairs side
by side Waked and Sawaed, *Classifying two images of painting as belonging to the same artist or not*, 2023.
"""

import numpy as np

from tlk.constants import PICKS
from tlk.data.competition import Competition
from tlk.report.figures import Shown
from tlk.workflows.figure_pictures import Pictures
from tlk.workflows.report_runs import ReportedRun, predicted_order

_QUERIES, _CANDIDATES, _PAIRS = 4, 5, 4  # rows, candidates in each; pairs of a kind

Row = tuple[Shown, list[Shown]]


def successes(run: ReportedRun, pictures: Pictures) -> list[Row]:
    """Return the queries whose truth stands first, by the largest distance to the second."""
    first, second = _leaders(run)
    found = np.flatnonzero(run.result.ranks == 1)
    return _rows(run, pictures, found[np.argsort(-(first - second)[found], kind="stable")])


def failures(run: ReportedRun, pictures: Pictures) -> list[Row]:
    """Return the queries whose truth is not picked, by its largest distance to the last that is."""
    sampled = run.result.sampled_lists
    missed = np.flatnonzero(run.result.ranks > PICKS)
    truth = np.take_along_axis(sampled.scores, sampled.truth[:, None], axis=1)[:, 0]
    behind = (_leaders(run)[1] - truth) / _deviation(sampled.scores)
    return _rows(run, pictures, missed[np.argsort(-behind[missed], kind="stable")])


def sampled_pairs(run: ReportedRun, pictures: Pictures) -> dict[str, list[tuple[Shown, Shown, float]]]:
    """Return pairs drawn by lot, always the same: matched ones, and queries with one of their foils."""
    sampled = run.result.sampled_lists
    random = np.random.default_rng(0)
    queries = random.permutation(len(sampled.scores))[: 2 * _PAIRS]
    foil = (sampled.truth + random.integers(1, sampled.scores.shape[1], len(sampled.truth))) % sampled.scores.shape[1]
    blocks = {}
    for name, part, place in (
        ("matched", queries[:_PAIRS], sampled.truth),
        ("not matched", queries[_PAIRS:], foil),
    ):
        blocks[name] = [
            (_query(run, pictures, q, ""), _candidate(run, pictures, q, place[q]), float(sampled.scores[q, place[q]]))
            for q in part
        ]
    return {name: pairs for name, pairs in blocks.items() if pairs}


def _leaders(run: ReportedRun) -> tuple[np.ndarray, np.ndarray]:
    """Return the `(n,)` two highest scores of each list, in its deviations."""
    scores = np.nan_to_num(np.sort(run.result.sampled_lists.scores, axis=1))
    return scores[:, -1] / _deviation(scores), scores[:, -2] / _deviation(scores)


def _deviation(scores: np.ndarray) -> np.ndarray:
    return np.asarray(np.nan_to_num(scores).std(axis=1).clip(1e-12))


def _rows(run: ReportedRun, pictures: Pictures, queries: np.ndarray) -> list[Row]:
    """Return the first queries with their highest candidates; the true one stands last where it is not among these."""
    order, truth, rows = predicted_order(run.result), run.result.sampled_lists.truth, []
    scores = run.result.sampled_lists.scores
    for query in queries[:_QUERIES]:
        shown = list(order[query, :_CANDIDATES])
        if truth[query] not in shown:
            shown[-1] = truth[query]
        ranks = [int(np.flatnonzero(order[query] == place)[0]) + 1 for place in shown]
        candidates = [
            _candidate(run, pictures, query, place, f"{rank}: {scores[query, place]:.3f}")
            for rank, place in zip(ranks, shown, strict=True)
        ]
        rows.append((_query(run, pictures, query), candidates))
    return rows


def _query(run: ReportedRun, pictures: Pictures, query: int, above: str = "query") -> Shown:
    return _shown(pictures, "left", str(run.oof.query_ids[query]), above)


def _candidate(run: ReportedRun, pictures: Pictures, query: int, place: int, above: str = "") -> Shown:
    sampled = run.result.sampled_lists
    name = str(run.oof.gallery_ids[sampled.lists[query, place]])
    return _shown(pictures, "right", name, above, bool(above) and place == sampled.truth[query])


def _shown(pictures: Pictures, side: str, name: str, above: str, true: bool = False) -> Shown:
    assert isinstance(pictures.data, Competition)  # noqa: S101  # the run is one on a competition
    return Shown(name, pictures.of(pictures.data.paths(f"train/{side}", [name]))[0], above, true)
