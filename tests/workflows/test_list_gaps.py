"""What stands in a list where nothing could be compared."""

from pathlib import Path

import numpy as np
import pytest

from tlk.data.competition import CandidateLists, Competition
from tlk.errors import UserError
from tlk.workflows import list_gaps
from tlk.workflows.list_gaps import describe_gaps, find_gaps, in_order, score_around
from tlk.workflows.list_scores import Lists, Scored
from tlk.workflows.progress import Silent
from tlk.workflows.run import Run
from tlk.workflows.workspace import Workspace

LISTS = CandidateLists(("p", "q", "r"), (("a", "b", "c"), ("b", "c", "d"), ("a", "c", "d")))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Data of which the query q and the candidate c have no image."""
    for folder, names in (("left", "pr"), ("right", "abd")):
        (tmp_path / "data/test" / folder).mkdir(parents=True)
        for name in names:
            (tmp_path / f"data/test/{folder}/{name}.jpg").write_bytes(name.encode())
    return Workspace(tmp_path / "data", tmp_path / "runs", tmp_path / "cache", frozenset())


def test_gaps_are_the_candidates_that_cannot_be_compared(workspace: Workspace) -> None:
    gaps = find_gaps(workspace.competition(), LISTS)
    assert gaps.tolist() == [[False, False, True], [True, True, True], [False, True, False]]
    assert describe_gaps(gaps).startswith("1 queries are answered with a guess, 2 lists have")
    with pytest.raises(UserError, match="of no list can the images be read\n"):
        find_gaps(Competition(workspace.data, frozenset({"test/left/p", "test/left/r"})), LISTS)


def test_what_can_be_compared_is_scored_and_the_rest_comes_last(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Lists] = []

    def score(run: Run, lists: Lists, *others: object) -> Scored:
        seen.append(lists)
        return Scored(np.array([[5.0, 1.0, 5.0], [1.0, 1.0, 4.0]]), 3)

    monkeypatch.setattr(list_gaps, "score_lists", score)
    gaps = find_gaps(workspace.competition(), LISTS)
    scores, models = score_around(gaps, LISTS, Run(Path("none")), workspace, "cpu", Silent())
    assert seen[0].paths == ["test/left/p.jpg", "test/left/r.jpg", *(f"test/right/{name}.jpg" for name in "abd")]
    assert seen[0].rows.tolist() == [[0, 1, 0], [0, 0, 2]]  # the first that is there stands in for c
    assert models == 3
    assert scores[0, 0] - scores[0, 1] == pytest.approx(4)
    assert scores[0, 2] < scores[0, 1]
    assert scores[2, 2] - scores[2, 0] == pytest.approx(3)
    assert scores[2, 1] < scores[2, 0]
    assert not scores[1].any()  # neutral, for a matching to tell apart
    assert in_order(scores, gaps)[1].tolist() == [0, -1, -2]
    assert np.array_equal(in_order(scores, gaps)[[0, 2]], scores[[0, 2]])
