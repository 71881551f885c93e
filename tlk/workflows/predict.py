"""From a run and candidate lists to a submission."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.data.competition import CandidateLists, Competition
from tlk.errors import UserError
from tlk.files import write_text
from tlk.metrics import TIE
from tlk.scoring.matching import is_one_to_one, match
from tlk.submission import format_submission, submission_faults
from tlk.tables import read_table
from tlk.workflows.device import require_device
from tlk.workflows.ledger import record_prediction
from tlk.workflows.list_gaps import describe_gaps, find_gaps, in_order, score_around
from tlk.workflows.outputs import require_output
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run, best_run, find_run
from tlk.workflows.skip_bad import of_lists, without_bad
from tlk.workflows.workspace import Workspace

_CERTAIN = 20  # deviations by which a known answer stands above its list


@dataclass(frozen=True)
class Prediction:
    """What `predict` did."""

    run: Run
    path: Path
    queries: int
    models: int
    matched: bool
    known: int  # queries that repeat a training pair


@dataclass(frozen=True)
class ScoredLists:
    """Test lists and their `(n, m)` scores, larger = more alike: by how many models, and what else had a part."""

    lists: CandidateLists
    scores: np.ndarray
    models: int
    matched: bool
    known: int


def predict(
    workspace: Workspace,
    name: str | None,
    out: Path | None,
    device: str,
    reporter: Reporter,
    *,
    matching: bool | None = None,
    known_pairs: bool | None = None,
    skip_bad: bool = False,
    enter: bool = True,
) -> Prediction:
    """Score every test list, write the submission and, unless it is not to `enter` there, a row of the ledger.

    Without matching each row depends on its own query and candidates alone; with it, on all lists. `matching` None does
    what the recipe says, where the lists are those of a matching. `known_pairs` likewise: a query that is a
    near-duplicate of a training image, with a near-duplicate of that image's match among its candidates, is answered
    with it. With `skip_bad`, images that cannot be read are named, and all lists are answered as far as they can be.

    Raises:
        UserError: no such run, or the data's test half is faulty.
    """
    target = out or Path("submissions") / f"{name or 'submission'}.csv"
    require_output(target, workspace)
    competition = workspace.competition()
    run = find_run(workspace.runs, name) if name else _best_run(workspace, competition, reporter)
    if skip_bad:
        workspace = without_bad(workspace, of_lists, reporter)
    done = score_test_lists(workspace, run, device, reporter, matching=matching, known_pairs=known_pairs)
    text = format_submission(done.lists.queries, done.scores)
    write_text(target, text)
    if enter:
        record_prediction(target, text, run, competition.name, done.matched, reporter)
    return Prediction(run, target, len(done.lists), done.models, done.matched, done.known)


def score_test_lists(
    workspace: Workspace,
    run: Run,
    device: str,
    reporter: Reporter,
    *,
    matching: bool | None = None,
    known_pairs: bool | None = None,
) -> ScoredLists:
    """Score every test list with a run, as `predict` writes them.

    Raises:
        UserError: the data's test half is faulty, or the run has collapsed: it scores all candidates of every query
            alike, but for rounding.
    """
    require_device(device)
    competition = workspace.competition()
    lists = competition.test_lists()
    recipe = run.recipe()
    gaps = find_gaps(competition, lists)
    place = {right: i for i, right in enumerate(lists.gallery)}
    rows = np.array([[place[right] for right in candidates] for candidates in lists.candidates])
    one_to_one = is_one_to_one(rows)
    if matching and not one_to_one:
        raise UserError(
            f"--matching: {len(lists)} lists with {len(lists.gallery)} right images are not one-to-one\n"
            "leave it out: each list is then scored by itself"
        )
    matched = one_to_one and _either(matching, recipe.matching)
    if recipe.matching and matching is None and not one_to_one:
        reporter.note("the lists are not one-to-one: each is scored by itself, without matching")
    known = _known(workspace, lists, reporter) if _either(known_pairs, recipe.known_pairs) else []
    scores, models = score_around(gaps, lists, run, workspace, device, reporter)
    _require_verdicts(scores, np.asarray(~gaps.all(axis=1)), run, lists, reporter)
    for row, column in known:
        scores[row, column] = scores[row].max() + _CERTAIN * scores.std()
    if matched:
        scores = match(scores, rows, run.calibration().temperature)
    if gaps.any():
        reporter.note(describe_gaps(gaps))
    return ScoredLists(lists, in_order(scores, gaps), models, matched, len(known))


def _best_run(workspace: Workspace, competition: Competition, reporter: Reporter) -> Run:
    """Return the best run, and say so where it was trained on other images than those of the data's train half."""
    run = best_run(workspace.runs, competition.name)
    own = run.manifest()["data"]["name"]
    if own == competition.name or not competition.has_train():  # a test half by itself is of any run's data
        return run
    from tlk.workflows.trained_images import was_trained_on

    with suppress(UserError):  # what cannot be read says nothing of where it is from
        if not was_trained_on(run, workspace):
            reporter.note(f"run {run.name} was trained on {own}, not on {workspace.data}")
    return run


def _require_verdicts(
    scores: np.ndarray, known: np.ndarray, run: Run, lists: CandidateLists, reporter: Reporter
) -> None:
    """Say where all candidates of a `known` query score alike; raise a UserError where they do so everywhere."""
    flat = (np.ptp(scores, axis=1) <= TIE) & known
    if (flat == known).all():
        raise UserError(f"run {run.name} scores all candidates of every query alike\nit has collapsed: train it anew")
    if flat.any():
        query = lists.queries[int(np.flatnonzero(flat)[0])]
        reporter.note(f"all candidates of query {query!r} score alike, of {flat.sum()} queries in all: equal pictures?")


def _either(asked: bool | None, otherwise: bool) -> bool:
    return otherwise if asked is None else asked


def _known(workspace: Workspace, lists: CandidateLists, reporter: Reporter) -> list[tuple[int, int]]:
    """Return row and column of the candidates that training pairs give away."""
    if not workspace.competition().has_train():
        raise UserError(f"--known-pairs: {workspace.data} has no training pairs\nleave it out, or bring the train half")
    from tlk.workflows.check_data import check_data

    rows = {query: row for row, query in enumerate(lists.queries)}
    leaks = check_data(workspace, reporter)["leaks"]
    return [(rows[x["query"]], lists.candidates[rows[x["query"]]].index(x["candidate"])) for x in leaks]


def check(workspace: Workspace, submission: Path) -> list[str]:
    """Return what is wrong with a submission for the data's test lists."""
    lists = Competition(workspace.data, frozenset()).test_lists()  # judged without a look at an image
    return submission_faults(read_table(submission), lists.queries, lists.length)
