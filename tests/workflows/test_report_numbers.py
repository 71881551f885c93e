"""The report's numbers, against loops: order, groups, margins, hubs, chances, bins, ranks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlk.constants import PICKS
from tlk.data.candidates import build_lists
from tlk.metrics import bootstrap_interval
from tlk.training.history import EPOCH_COLUMNS, Epoch
from tlk.workflows.evaluate import describe, outcomes
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.report_calibration import bins, calibration, calibration_error, fit_temperature, top_chances
from tlk.workflows.report_curves import LOSSES, _means
from tlk.workflows.report_hubs import occurrences, skewness, wrong_picks
from tlk.workflows.report_pictures import Album
from tlk.workflows.report_queries import margins, queries
from tlk.workflows.report_ranks import EDGES, binned, ranks
from tlk.workflows.report_runs import ReportedRun, groups_of, predicted_order
from tlk.workflows.report_strata import Labels, Stratum, strata
from tlk.workflows.report_tables import difference, leaderboard, percent, top_k, transductive
from tlk.workflows.run import Run

COUNT, LENGTH = 48, 6


def made(name: str = "one", noise: float = 1.0, folds: int = 2, seed: int = 5, **manifest: Any) -> ReportedRun:
    """Return a run of random embeddings, the better the less noise there is."""
    random = np.random.default_rng(0)
    queries = random.normal(size=(COUNT, 8))
    gallery = queries + noise * random.normal(size=(COUNT, 8))
    queries, gallery = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (queries, gallery))
    ids = np.array([f"id{n}" for n in range(COUNT)])
    none = np.empty(0, np.float32)
    oof = OutOfFold(ids, ids, np.arange(COUNT) % folds, queries, gallery, none, seed, LENGTH)
    result = outcomes(oof)
    row = describe(name, "recipe", result, 4, 1.0)
    return ReportedRun(Run(Path(name)), "recipe", "", {"data": {"name": "d"}} | manifest, oof, result, row, None)


def test_the_truth_stands_at_the_rank_that_it_is_counted_with() -> None:
    run = made()
    order, sampled = predicted_order(run.result), run.result.sampled_lists
    lists = np.take_along_axis(sampled.lists, order, axis=1)
    assert (np.argmax(lists == np.arange(COUNT)[:, None], axis=1) + 1 == run.result.ranks).all()
    scores = np.take_along_axis(sampled.scores, order, axis=1)
    assert (np.diff(scores, axis=1) <= 1e-6).all()


def test_ties_and_what_is_no_number_stand_before_the_truth() -> None:
    run = made()
    scores = np.zeros_like(run.result.sampled_lists.scores)
    scores[1] = np.nan
    lists = replace(run.result.sampled_lists, scores=scores)
    order = predicted_order(replace(run.result, sampled_lists=lists))
    assert (order[:, -1] == lists.truth).all()
    assert (np.sort(order, axis=1) == np.arange(LENGTH)).all()


def document_of(runs: list[ReportedRun]) -> dict[str, Any]:
    groups = groups_of(runs)
    labels: list[Labels] = [{"half": Stratum(("one", "other"), np.arange(COUNT) % 2)} for _ in groups]
    return queries(groups, runs, Album(), labels)


def test_runs_of_the_same_lists_belong_together() -> None:
    one, two, other = made("one"), made("two", 0.5), made("other", seed=6)
    assert [[run.name for run in group] for group in groups_of([one, other, two])] == [["one", "two"], ["other"]]
    document = document_of([one, other, two])
    assert [run["pairs"] for run in document["runs"]] == [0, 1, 0]
    assert len(document["pairs"]) == 2
    assert document["pairs"][0]["leftPicture"] == [-1] * COUNT  # an album without pictures
    assert document["pairs"][1]["kinds"] == [{"name": "half", "words": ["one", "other"], "kind": [0, 1] * (COUNT // 2)}]


def test_the_document_of_queries_is_what_the_lists_say() -> None:
    run = made()
    lists, truth = build_lists(run.oof.fold, LENGTH, run.oof.list_seed)
    shown = document_of([run])["runs"][0]
    sampled = run.result.sampled_lists
    for query in range(COUNT):
        assert sorted(shown["order"][query]) == sorted(lists[query].tolist())
        assert shown["order"][query][shown["rank"][query] - 1] == query == lists[query][truth[query]]
        for candidate, score in zip(shown["order"][query], shown["scores"][query], strict=True):
            assert score == pytest.approx(run.oof.queries[query] @ run.oof.gallery[candidate], abs=1e-4)
        scaled = sampled.in_deviations()[query]
        others = [value for place, value in enumerate(scaled) if place != truth[query]]
        assert margins(run.result)[query] == pytest.approx(scaled[truth[query]] - max(others))
        assert (shown["margin"][query] > 0) == (shown["rank"][query] == 1)
    assert shown["images"] == [COUNT // 2] * COUNT


def test_hubs_against_loops() -> None:
    run = made()
    wrong, foil = wrong_picks(run)
    lists, order = run.result.sampled_lists.lists, predicted_order(run.result)
    for image in range(COUNT):
        elsewhere = [q for q in range(COUNT) if q != image and image in lists[q]]
        assert foil[image] == len(elsewhere)
        assert wrong[image] == sum(image in lists[q][order[q][:PICKS]] for q in elsewhere)
    found = occurrences(run.oof, 3)
    expected = np.zeros(COUNT, int)
    for query in range(COUNT):
        members = [n for n in range(COUNT) if run.oof.fold[n] == run.oof.fold[query]]
        nearest = sorted(members, key=lambda n: -(run.oof.queries[query] @ run.oof.gallery[n]))[:3]
        expected[nearest] += 1
    assert (found == expected).all()
    assert found.sum() == 3 * COUNT
    assert skewness(np.array([1, 1, 1])) == 0
    assert skewness(np.array([0, 0, 0, 9])) > 1


def test_a_temperature_gives_back_the_chances_that_drew_the_truths() -> None:
    random = np.random.default_rng(1)
    scores = random.normal(size=(4000, 5))
    chances = np.exp(scores / 0.4)
    chances /= chances.sum(axis=1, keepdims=True)
    truth = np.array([random.choice(5, p=row) for row in chances])
    assert fit_temperature(scores, truth) == pytest.approx(0.4, rel=0.1)


def test_no_fold_has_a_say_in_its_own_chances() -> None:
    run = made()
    sampled = run.result.sampled_lists
    before = top_chances(sampled)
    assert before is not None
    changed = np.where(sampled.fold == 0, 0, sampled.truth)
    after = top_chances(replace(sampled, truth=changed))
    assert after is not None
    assert np.allclose(before[sampled.fold == 0], after[sampled.fold == 0])
    assert not np.allclose(before[sampled.fold == 1], after[sampled.fold == 1])
    assert top_chances(made(folds=1).result.sampled_lists) is None
    assert "one part" in " ".join(calibration([made(folds=1)]).text)


def test_bins_hold_as_many_queries_each() -> None:
    values = np.arange(25.0)[::-1]
    right = (values >= 20).astype(float)
    found = bins(values, right, 5)
    assert [one.count for one in found] == [5] * 5
    assert [one.right for one in found] == [0, 0, 0, 0, 1]
    assert [one.value for one in found] == [2, 7, 12, 17, 22]
    sure = bins(right, right, 5)
    assert calibration_error(sure) == 0
    assert calibration_error(bins(1 - right, right, 5)) == 1


def test_bins_of_ranks_hold_every_rank_once() -> None:
    found = binned(np.array([1, 1, 2, 3, 5, 6, 30]), EDGES)
    assert found == [("1", 2), ("2", 1), ("3–5", 2), ("6–10", 1), ("11–25", 0), ("26–50", 1)]
    section = ranks([made()])
    tables = [chart.table for chart in section.charts if chart.table is not None]
    assert len(tables) == len(section.charts)
    assert len(tables[0].rows) == LENGTH
    assert all(sum(int(str(row[1])) for row in table.rows) == COUNT for table in tables)


def test_tables_show_what_eval_prints() -> None:
    one, two, other = made(), made("two", 0.5, transductive=True), made("other", seed=6, pseudo_pairs=True)
    section = leaderboard([one, two, other])
    board, differences = section.tables
    standing, differing = section.charts
    assert [tick.label for tick in standing.y_ticks] == ["one", "two", "other"]
    assert [tick.label for tick in differing.y_ticks] == ["two"]  # the other answers other lists
    assert board.rows[0][3] == percent(one.row["top_k"]["2"], one.row["ci95"]["2"])
    assert board.rows[0][4] == percent(one.row["expected_top_k"]["2"], one.row["expected_ci95"]["2"])
    assert [transductive(run) for run in (one, two, other)] == [
        "no",
        "yes: predictions matched",
        "yes: trained with the test half",
    ]
    gain = float((two.result.expected(2) - one.result.expected(2)).mean())
    assert str(differences.rows[0][2]).startswith(f"+{percent(gain)} [")
    assert difference(one, two, 2).startswith("−")
    assert differences.rows[1][1:] == ("other lists", "other lists")
    section = top_k([one])
    table = section.tables[0]
    curve = section.charts[0].table
    assert curve is not None
    assert [row[1] for row in curve.rows[:4]] == [percent(one.row["top_k"][str(k)]) for k in (1, 2, 3, 4)]
    assert curve.rows[-1] == (str(LENGTH), "100.0")
    assert [row[0] for row in table.rows] == ["one, sampled", "one, expected"] + ["one, matched"] * (
        len(table.rows) - 2
    )


@pytest.mark.parametrize("build", [leaderboard, top_k])
def test_rows_are_as_long_as_their_headers(build: Callable[..., Any]) -> None:
    for table in build([made(), made("two", folds=1)]).tables:
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_a_chart_for_each_stratum_and_a_table_of_all() -> None:
    runs = [made(), *(made(f"run{n}", 0.5) for n in range(4))]
    half = np.arange(COUNT) % 2
    section = strata([runs], [{"half": Stratum(("one", "other", "none"), half)}])
    (table,), (chart,) = section.tables, section.charts
    assert [row[:2] for row in table.rows] == [("half: one", "24"), ("half: other", "24"), ("all", f"{COUNT}")]
    assert len(chart.legend) == 3 < len(table.header) - 2  # the others stand in the table, which is said
    assert len(section.text) == 2
    expected = 100 * runs[0].result.expected(PICKS)
    assert str(table.rows[0][2]).startswith(f"{expected[half == 0].mean():.1f} [")
    assert "Neither" in strata([runs], [{}]).text[0]


def test_intervals_of_strata_are_in_percent_in_the_charts_as_in_the_table() -> None:
    """Of pairs that are all won, too, whose interval is not drawn by resampling."""
    run = made()
    won = run.result.expected(PICKS) == 1
    assert won.sum() > 1
    (chart,) = strata([[run]], [{"won": Stratum(("no", "yes"), won.astype(int))}]).charts
    first, *_, last = chart.x_ticks
    across = np.poly1d(np.polyfit([first.at, last.at], [float(first.label), float(last.label)], 1))
    spans = [across([x for x, _ in mark.points]) for mark in chart.marks if mark.kind == "span"]
    expected = [100 * np.array(bootstrap_interval(run.result.expected(PICKS)[own])) for own in (~won, won)]
    assert expected[1][0] < expected[1][1]
    np.testing.assert_allclose(spans, expected, atol=0.5)  # places are rounded


def test_a_fold_that_stops_does_not_move_the_mean() -> None:
    def epoch(number: int, loss: float) -> Epoch:
        return Epoch.of(dict.fromkeys(EPOCH_COLUMNS, "") | {"epoch": str(number), "loss": str(loss)})

    folds = {"0": [epoch(1, 2.0), epoch(2, 1.0)], "1": [epoch(1, 4.0), epoch(2, 3.0), epoch(3, 3.0)]}
    assert _means(folds, LOSSES["training"]) == {1: 3.0, 2: 2.0}
