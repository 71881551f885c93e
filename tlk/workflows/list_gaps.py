"""Test lists of which some images cannot be read: what is scored, and what stands where nothing could be.

A candidate that cannot be read scores less than all others of its list: at one in so many, it is seldom the answer. Of
a query that cannot be read, or of which no candidate can, all candidates score alike; a matching may still tell them
apart by what is left for them, and in what remains alike they stay in the order of the list.
"""

import numpy as np

from tlk.data.competition import CandidateLists, Competition
from tlk.errors import UserError
from tlk.submission import require_finite
from tlk.workflows.list_scores import Lists, score_lists
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.workspace import Workspace


def find_gaps(competition: Competition, lists: CandidateLists) -> np.ndarray:
    """Return `(n, m)` booleans: the candidates that cannot be compared, for want of their image or the query's.

    Raises:
        UserError: none can.
    """
    left, right = competition.images("test/left"), competition.images("test/right")
    gaps = np.array(
        [
            [query not in left or candidate not in right for candidate in candidates]
            for query, candidates in zip(lists.queries, lists.candidates, strict=True)
        ]
    )
    if gaps.all():
        raise UserError(f"{competition.source.location}: of no list can the images be read\nget the data again")
    return gaps


def score_around(
    gaps: np.ndarray,
    lists: CandidateLists,
    run: Run,
    workspace: Workspace,
    device: str,
    reporter: Reporter,
) -> tuple[np.ndarray, int]:
    """Return the `(n, m)` scores of the lists less each list's mean, and how many models had a part in them.

    Raises:
        UserError: as `score_lists`; a score is not finite.
    """
    competition = workspace.competition()
    right = competition.images("test/right")
    gallery = [name for name in lists.gallery if name in right]
    place = {name: number for number, name in enumerate(gallery)}
    known = np.flatnonzero(~gaps.all(axis=1))
    rows = np.array([_rows(lists.candidates[row], place) for row in known])
    queries = [lists.queries[row] for row in known]
    paths = [*competition.paths("test/left", queries), *competition.paths("test/right", gallery)]
    keys = workspace.reader(competition, passes=1).keys(paths)
    scored = score_lists(run, Lists(paths, keys, rows), workspace, device, reporter)
    require_finite(queries, scored.scores)
    scores = np.zeros(gaps.shape)
    scores[known] = scored.scores - scored.scores.mean(axis=1, keepdims=True)
    return _with_worst(scores, gaps), scored.models


def in_order(scores: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Return the scores, with those that nothing tells apart in the order of their list."""
    alike = gaps.all(axis=1) & (np.ptp(scores, axis=1) == 0)
    return np.asarray(np.where(alike[:, None], -np.arange(scores.shape[1], dtype=float), scores))


def describe_gaps(gaps: np.ndarray) -> str:
    """Return in words what the gaps come to."""
    blind, lists = gaps.all(axis=1), (gaps.any(axis=1) & ~gaps.all(axis=1)).sum()
    return (
        f"{blind.sum()} queries are answered with a guess, {lists} lists have candidates that cannot be read, put last"
    )


def _rows(candidates: tuple[str, ...], place: dict[str, int]) -> list[int]:
    """Return the rows of a list's candidates in the gallery; for one that is not there another stands in."""
    there = next(place[name] for name in candidates if name in place)
    return [place.get(name, there) for name in candidates]


def _with_worst(scores: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Return the scores with those of single gaps below all others of their list."""
    single = gaps & ~gaps.all(axis=1, keepdims=True)
    lowest = np.where(gaps, np.inf, scores).min(axis=1, keepdims=True)
    return np.asarray(np.where(single, lowest - (scores.std() or 1.0), scores))
