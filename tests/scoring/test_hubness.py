"""Corrections of hubness against their formulas, and against a planted hub."""

import numpy as np
import pytest

from tlk.embeddings.views import unit
from tlk.scoring import hubness
from tlk.scoring.hubness import csls, inverted_softmax
from tlk.scoring.similarity import Scorer, list_similarities


def case(n: int = 7, g: int = 9, m: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    lists = np.array([random.choice(g, m, replace=False) for _ in range(n)])
    return unit(random.normal(size=(n, 3))), unit(random.normal(size=(g, 3))), lists


@pytest.mark.parametrize("block", [2, 1024])
def test_csls_is_its_formula(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubness, "_BLOCK", block)
    queries, gallery, lists = case()
    similarity = queries @ gallery.T
    nearest = lambda values: np.sort(values)[-3:].mean()  # noqa: E731
    for i, row in enumerate(csls(queries, gallery, lists, 3)):
        for j, right in enumerate(lists[i]):
            expected = 2 * similarity[i, right] - nearest(similarity[i]) - nearest(similarity[:, right])
            assert row[j] == pytest.approx(expected)


@pytest.mark.parametrize("block", [2, 1024])
def test_inverted_softmax_is_its_formula(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubness, "_BLOCK", block)
    queries, gallery, lists = case()
    similarity = queries @ gallery.T / 0.1
    chances = np.log(np.exp(similarity) / np.exp(similarity).sum(axis=0))
    expected = np.take_along_axis(chances, lists, axis=1)
    assert np.allclose(inverted_softmax(queries, gallery, lists, 0.1), expected)


def test_more_neighbours_than_images_are_all_of_them() -> None:
    queries, gallery, lists = case()
    assert np.allclose(csls(queries, gallery, lists, 99), csls(queries, gallery, lists, 9), atol=0.5)
    assert np.isfinite(csls(queries, gallery, lists, 99)).all()


def test_a_hub_is_taken_down() -> None:
    """One right image looks like every query a little more than its own match does."""
    queries = np.eye(20)
    gallery = np.vstack([0.5 * queries, np.full((1, 20), 0.6)])
    lists = np.column_stack([np.arange(20), np.full(20, 20)])
    assert (list_similarities(queries, gallery, lists).argmax(axis=1) == 1).all()
    assert (csls(queries, gallery, lists, 5).argmax(axis=1) == 0).all()
    assert (inverted_softmax(queries, gallery, lists, 0.1).argmax(axis=1) == 0).all()


def test_a_learned_similarity_need_not_be_symmetric() -> None:
    queries, gallery, lists = case()
    scorer = Scorer(lambda a, b: a[:, :1] - 2 * b[:, 0], lambda a, b: a[..., 0] - 2 * b[..., 0])
    similarity = queries[:, :1] - 2 * gallery[:, 0]
    expected = 2 * similarity - similarity.mean(axis=1, keepdims=True) - similarity.mean(axis=0)
    assert np.allclose(csls(queries, gallery, lists, 99, scorer), np.take_along_axis(expected, lists, axis=1))
