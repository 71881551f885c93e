"""The runs of a report: what each left on disk, and what it says of pairs that its models have not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tlk.constants import PICKS, TOPK
from tlk.data.source import data_name
from tlk.errors import UserError
from tlk.metrics import TIE
from tlk.workflows.evaluate import Outcomes, describe, outcomes
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run, best_run, complete_runs, find_run
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class ReportedRun:
    """A run and its numbers; `row` is what `tlk eval --json` prints, `verification` None but for collections."""

    run: Run
    recipe: str
    summary: str
    manifest: dict[str, Any]
    oof: OutOfFold
    result: Outcomes
    row: dict[str, Any]
    verification: dict[str, Any] | None

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    @classmethod
    def read(cls, run: Run) -> "ReportedRun":
        """Read a complete run.

        Raises:
            UserError: a file of it is missing or damaged.
        """
        recipe, oof = run.recipe(), run.out_of_fold()
        result = outcomes(oof)
        row = describe(run.name, recipe.name, result, min(TOPK, result.length), run.numbers()["seconds"])
        return cls(run, recipe.name, recipe.summary, run.manifest(), oof, result, row, run.verification())

    def answers_same_lists(self, other: "ReportedRun") -> bool:
        """Return whether two runs score the same pairs in the same lists, so that they compare query by query."""
        return self.oof.apart_from(other.oof) is None


def read_runs(workspace: Workspace, names: Sequence[str], reporter: Reporter) -> list[ReportedRun]:
    """Return the named runs in their order; without names those of the data, the best first, else the best of all.

    Raises:
        UserError: there is no such run, or none at all, or a named one is damaged, or all are.
    """
    with reporter.track("runs") as progress:
        chosen = [find_run(workspace.runs, name) for name in dict.fromkeys(names)] or _of_data(workspace, reporter)
        found: list[ReportedRun] = []
        for number, run in enumerate(chosen):
            try:
                found.append(ReportedRun.read(run))
            except UserError as error:
                if names or not (found or number + 1 < len(chosen)):
                    raise
                _leave_out(run, error, reporter)
            progress(number + 1, len(chosen))
    return found


def groups_of(runs: Sequence[ReportedRun]) -> list[list[ReportedRun]]:
    """Return the runs by the lists that they answer."""
    groups: list[list[ReportedRun]] = []
    for run in runs:
        fitting = next((group for group in groups if group[0].answers_same_lists(run)), None)
        if fitting is None:
            groups.append([run])
        else:
            fitting.append(run)
    return groups


def predicted_order(result: Outcomes) -> np.ndarray:
    """Return the `(n, m)` places in each list, the highest score first; whatever ties with the truth stands before it.

    So the truth stands at the rank that it is counted with.
    """
    sampled = result.sampled_lists
    scores = np.asarray(sampled.scores, np.float64)
    own = np.take_along_axis(scores, sampled.truth[:, None], axis=1)
    tier = np.where(scores < own - TIE, 2, 0)
    np.put_along_axis(tier, sampled.truth[:, None], 1, axis=1)
    return np.lexsort((np.where(np.isnan(scores), np.inf, -scores), tier), axis=1)


def _of_data(workspace: Workspace, reporter: Reporter) -> list[Run]:
    there, name = [], data_name(workspace.data)
    for run in complete_runs(workspace.runs):
        try:
            if run.manifest()["data"]["name"] == name:
                there.append((run.numbers()["expected_top_k"][str(PICKS)], run))
        except UserError as error:
            _leave_out(run, error, reporter)
    return [run for _, run in sorted(there, key=lambda pair: -pair[0])] or [best_run(workspace.runs, name)]


def _leave_out(run: Run, error: UserError, reporter: Reporter) -> None:
    """Say that a run was not named and is damaged: it does not hide the others."""
    reporter.note(f"run {run.name} is left out: {str(error).splitlines()[0]}")
