"""From out-of-fold embeddings, or from a submission and the truth, to the numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlk.constants import PICKS, TOPK
from tlk.data.competition import PAIR_HEADER, Competition
from tlk.data.source import data_name
from tlk.errors import UserError
from tlk.metrics import (
    bootstrap_interval,
    expected_top_k,
    list_ranks,
    paired_interval,
    recall_at,
    standardise,
    top_k,
)
from tlk.scoring.similarity import Scorer, count_beating
from tlk.submission import parse_submission
from tlk.tables import parse_table, read_table, refuse_repeats
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.run import best_run, find_run
from tlk.workflows.sampled_lists import SampledLists
from tlk.workflows.workspace import Workspace

RECALLS = (1, 5, 10, 15, 25, 50, 100)


@dataclass(frozen=True)
class Outcomes:
    """What happened to each query: its `(n,)` rank in its sampled list, and its chances in random lists."""

    sampled_lists: SampledLists
    ranks: np.ndarray
    beating: np.ndarray
    others: np.ndarray
    length: int

    def sampled(self, k: int) -> np.ndarray:
        """Return `(n,)` 0 or 1 on the sampled lists."""
        return top_k(self.ranks, k)

    def expected(self, k: int) -> np.ndarray:
        """Return the `(n,)` exact chances.

        Of a blend by deviations or places they are near: its rows of the whole fold stand for the lists drawn from
        them, which would have deviations of their own and, with fewer places, more ties.
        """
        return expected_top_k(self.beating, self.others, self.length, k)


def outcomes(oof: OutOfFold) -> Outcomes:
    """Rank every pair's truth among its own fold's right images, in its sampled list and in the whole fold."""
    sampled = SampledLists.of(oof)
    beating, others = fold_ranks(oof.fold, oof.queries, oof.gallery, oof.scorer)
    return Outcomes(sampled, list_ranks(sampled.scores, sampled.truth), beating, others, oof.list_length)


def fold_ranks(
    fold: np.ndarray, queries: np.ndarray, gallery: np.ndarray, scorer: Scorer
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each query, how many of its fold's other gallery images beat its truth, and how many there are."""
    beating, others = np.empty_like(fold), np.empty_like(fold)
    for number in np.unique(fold):
        members = np.flatnonzero(fold == number)
        beating[members] = count_beating(queries[members], gallery[members], scorer)
        others[members] = len(members) - 1
    return beating, others


def describe(name: str, recipe: str, result: Outcomes, topk: int, seconds: float) -> dict[str, Any]:
    """Return what `tlk eval --json` prints for one run.

    Raises:
        UserError: `topk` is not between 1 and the length of the lists.
    """
    require_topk(topk, result.length)
    ks = range(1, topk + 1)
    smallest = int(result.others.min()) + 1
    matched = result.sampled_lists.matched_ranks()
    return {
        "run": name,
        "recipe": recipe,
        "n": len(result.ranks),
        "top_k": {str(k): float(result.sampled(k).mean()) for k in ks},
        "expected_top_k": {str(k): float(result.expected(k).mean()) for k in ks},
        "matched_top_k": _shares(matched, ks, lambda hits: float(hits.mean())),
        "ci95": {str(k): bootstrap_interval(result.sampled(k)) for k in ks},
        "matched_ci95": _shares(matched, ks, bootstrap_interval),
        "expected_ci95": {str(k): bootstrap_interval(result.expected(k)) for k in ks},
        "gallery_recall": {str(k): recall_at(result.beating, k) for k in RECALLS if k <= smallest},
        "seconds": seconds,
    }


def _shares(ranks: np.ndarray | None, ks: range, summary: Callable[[np.ndarray], Any]) -> dict[str, Any] | None:
    """Return what `summary` makes of the hits among the k highest, for each k."""
    return None if ranks is None else {str(k): summary(top_k(ranks, k)) for k in ks}


def paired_differences(workspace: Workspace, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return by how much each further run beats the first in expected top-2, pair by pair, with its 95 % interval.

    A run that stands `on` other folds or other pairs, which cannot be compared, has None for both.
    """
    first, *others = (find_run(workspace.runs, name).out_of_fold() for name in names)
    baseline = outcomes(first).expected(PICKS)
    rows: list[dict[str, Any]] = []
    for name, oof in zip(names[1:], others, strict=True):
        apart = oof.apart_from(first)
        if apart is not None:
            rows.append({"run": name, "minus": names[0], "gain": None, "ci95": None, "on": apart})
            continue
        gain = outcomes(oof).expected(PICKS) - baseline
        rows.append({"run": name, "minus": names[0], "gain": float(gain.mean()), "ci95": paired_interval(gain)})
    return rows


def require_topk(topk: int, length: int) -> None:
    """Raise a UserError unless `topk` picks from 1 to all of a list's candidates."""
    if not 1 <= topk <= length:
        raise UserError(f"--topk {topk}: pick at least 1 and at most the {length} candidates of a list")


def evaluate(workspace: Workspace, names: Sequence[str], topk: int | None) -> list[dict[str, Any]]:
    """Return the numbers of the named runs, or of the best one of the data, from top-1 to `topk` (4 if None)."""
    runs = [find_run(workspace.runs, name) for name in names]
    if not runs:
        runs = [best_run(workspace.runs, data_name(workspace.data))]
    rows = []
    for run in runs:
        result = outcomes(run.out_of_fold())
        seconds = run.numbers()["seconds"]
        row = describe(run.name, run.recipe().name, result, min(TOPK, result.length) if topk is None else topk, seconds)
        told = run.verification()
        rows.append(row if told is None else row | {"verification": told})
    return rows


def evaluate_submission(data: Path, submission: Path, truth: Path | None, topk: int | None) -> dict[str, Any]:
    """Score a submission against the true answers, which default to the data's own test_truth.csv.

    Raises:
        UserError: the submission is faulty, or the truth is missing or does not answer every list.
    """
    competition = Competition(data, frozenset())  # judged without a look at an image
    lists = competition.test_lists()
    topk = min(TOPK, lists.length) if topk is None else topk
    require_topk(topk, lists.length)
    scores = parse_submission(read_table(submission), lists.queries, lists.length)
    answers = _answers(competition, truth)
    positions = []
    for query, candidates in zip(lists.queries, lists.candidates, strict=True):
        if answers.get(query) not in candidates:
            what = "has no answer" if query not in answers else "has an answer that is not in its list"
            raise UserError(f"the truth: query {query!r} {what}\ngive the answers of this data with --truth FILE")
        positions.append(candidates.index(answers[query]))
    ranks = list_ranks(standardise(scores), np.array(positions))  # whatever their scale, ties are ties
    ks = range(1, topk + 1)
    return {
        "submission": str(submission),
        "n": len(ranks),
        "top_k": {str(k): float(top_k(ranks, k).mean()) for k in ks},
        "ci95": {str(k): bootstrap_interval(top_k(ranks, k)) for k in ks},
    }


def _answers(competition: Competition, truth: Path | None) -> dict[str, str]:
    if truth is None and not competition.source.exists("test_truth.csv"):
        raise UserError(f"{competition.source.location} has no test_truth.csv\ngive the true answers with --truth FILE")
    if truth is None:
        name = f"{competition.source.location}/test_truth.csv"
        table = parse_table(competition.source.read("test_truth.csv"), name, lambda width: PAIR_HEADER)
    else:
        table = read_table(truth, lambda width: PAIR_HEADER)
    refuse_repeats(table, "left")
    return dict(zip(table.column("left"), table.column("right"), strict=True))


def picks_of(metrics: dict[str, Any]) -> float:
    """Return the pick-two accuracy of a run's numbers."""
    return float(metrics["top_k"][str(PICKS)])
