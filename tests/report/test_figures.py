"""Figures: what stands in them is what was handed over."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tlk.report.drawing import encode
from tlk.report.figures import Panel, Shown, examples, learning_curves, rank_histogram, roc_curve, side_by_side
from tlk.verification import roc_auc

PICTURE = np.zeros((12, 10, 3), np.uint8)


def texts(figure: Figure) -> list[str]:
    found = [text.get_text() for text in figure.findobj(lambda thing: hasattr(thing, "get_text"))]
    return [text for text in found if text]


def shown_in(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.findobj(Axes) if axes.images]


def test_curves_of_each_fold_and_their_mean() -> None:
    lines = [(np.array([1, 2]), np.array([4.0, 2.0])), (np.array([1]), np.array([2.0]))]
    figure = learning_curves("run $a", [Panel("training", "loss", {"inner": lines}), Panel("b", "top-2", {"x": lines})])
    (axes, _) = figure.axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [
        [4, 2],
        [2],
        [3],
    ]  # the last: the mean, while both go on
    assert encode(figure, "png").startswith(b"\x89PNG")


def test_a_single_epoch_can_be_seen() -> None:
    lines = [(np.array([1, 2]), np.array([4.0, 2.0])), (np.array([1]), np.array([2.0]))]
    (axes,) = learning_curves("run", [Panel("training", "loss", {"x": lines})]).axes
    assert [line.get_marker() in ("", "None") for line in axes.lines] == [True, False, False]


def test_one_panel_alone_and_a_third_beside_an_empty_place() -> None:
    panel = Panel("t", "l", {"x": [(np.array([1]), np.array([1.0]))]})
    assert len(learning_curves("r", [panel]).axes) == 1
    assert [axes.axison for axes in learning_curves("r", [panel] * 3).axes] == [True, True, True, False]


def test_ranks_are_counted_and_the_picked_ones_stand_out() -> None:
    figure = rank_histogram("run", np.array([1, 1, 2, 5, 20]), 20, 2)
    bars = figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == [2, 1, 0, 0, 1, *[0] * 14, 1]
    assert len({bar.get_facecolor() for bar in bars[:2]}) == 1
    assert bars[0].get_facecolor() != bars[2].get_facecolor()
    assert "picked: 60.0 %" in texts(figure)
    assert figure.axes[0].lines[0].get_ydata()[0] == pytest.approx(5 / 20)


def test_the_true_candidate_is_framed_and_says_so() -> None:
    candidates = [Shown("one", PICTURE, "1: 0.9"), Shown("two", PICTURE, "2: 0.5", true=True)]
    figure = examples("run", [(Shown("asked", PICTURE, "query"), candidates)])
    frames = {axes.get_xlabel(): axes.spines["top"].get_linewidth() for axes in shown_in(figure)}
    assert list(frames) == ["asked", "one", "two – true"]
    assert frames["two – true"] > 3 > frames["one"]
    assert {"1: 0.9", "2: 0.5", "query"} <= set(texts(figure))


def test_pairs_of_both_kinds_with_their_scores() -> None:
    pair = (Shown("a", PICTURE), Shown("b", PICTURE), 0.25)
    figure = side_by_side("run", {"matched": [pair, pair], "not matched": [pair]})
    assert len(shown_in(figure)) == 6
    assert texts(figure).count("score 0.250") == 3
    assert {"matched", "not matched"} <= set(texts(figure))


def test_the_roc_curve_encloses_the_area_that_it_names() -> None:
    random = np.random.default_rng(0)
    match = random.random(300) < 0.4
    scores = np.round(random.normal(size=300) + match, 1)  # with ties
    auc = roc_auc(scores, match)
    curve, _, point = roc_curve("run", scores, match, auc, 0.5).axes[0].lines
    false, true = curve.get_data()
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(auc)
    assert point.get_xdata()[0] == pytest.approx((scores[~match] > 0.5).mean())
