"""Rows of the history, and the epoch that they call best."""

from dataclasses import asdict, replace

import pytest

from tlk.training.history import EPOCH_COLUMNS, Epoch, best_epoch
from tlk.training.validate import Scores

ROW = Epoch.of_scores(3, 0.5, Scores(0.7, 0.25, 0.9), 1e-3, 2.0)


def test_a_row_goes_into_text_and_numbers_and_back() -> None:
    assert ROW.cells() == ["3", "0.5", "0.7", "0.25", "0.9", "0.001", "2"]
    assert Epoch.of(dict(zip(EPOCH_COLUMNS, ROW.cells(), strict=True))) == ROW
    awkward = replace(ROW, loss=1 / 3, inner_loss=0.1 + 0.2)
    assert Epoch.of(asdict(awkward)) == awkward  # to the last digit: a resumed training compares it
    assert isinstance(Epoch.of(asdict(ROW)).epoch, int)


@pytest.mark.parametrize("scores", [None, Scores(0.7, 0.25, None)])
def test_what_is_not_known_is_empty(scores: Scores | None) -> None:
    row = Epoch.of_scores(1, 0.5, scores, 1e-3, 2.0)
    assert row.cells().count("") == (3 if scores is None else 1)
    assert Epoch.of(dict(zip(EPOCH_COLUMNS, row.cells(), strict=True))) == row


def history(**columns: list[float]) -> list[Epoch]:
    count = len(next(iter(columns.values())))
    return [
        replace(ROW, epoch=number + 1, **{name: values[number] for name, values in columns.items()})
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("watch", "values", "best"),
    [
        ("inner_loss", [3.0, 1.0, 2.0, 1.0], 2),
        ("inner_top_2", [0.1, 0.5, 0.5, 0.2], 2),
        ("inner_accuracy", [0.6, 0.5, 0.7], 3),
        ("inner_top_2", [0.1], 1),
    ],
)
def test_the_first_of_the_best_is_best(watch: str, values: list[float], best: int) -> None:
    assert best_epoch(history(**{watch: values}), watch.removeprefix("inner_")) == best


@pytest.mark.parametrize("watch", ["loss", "top_2", "accuracy"])
def test_the_last_is_best_where_nothing_was_held_out(watch: str) -> None:
    rows = [Epoch.of_scores(number, 0.5, None, 1e-3, 2.0) for number in (1, 2, 3)]
    assert best_epoch(rows, watch) == 3
