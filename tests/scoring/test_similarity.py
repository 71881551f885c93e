"""Similarities in blocks against loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlk.embeddings.views import unit
from tlk.metrics import TIE
from tlk.scoring.similarity import Scorer, cosine, count_beating, list_similarities


def embeddings(n: int, d: int = 4, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(n, d)))


def test_cosine_is_the_cosine() -> None:
    queries, gallery = embeddings(3), embeddings(5, seed=1)
    expected = [[sum(a * b for a, b in zip(q, g, strict=True)) for g in gallery] for q in queries]
    assert np.allclose(cosine(queries, gallery), expected)
    assert np.allclose(np.diag(cosine(queries, queries)), 1)


@pytest.mark.parametrize("numbers", [1, 32, 48, 1 << 18])
def test_list_similarities_are_those_of_each_query_with_its_own_list(numbers: int) -> None:
    queries, gallery = embeddings(5), embeddings(9, seed=1)
    lists = np.random.default_rng(2).integers(9, size=(5, 4))
    result = list_similarities(queries, gallery, lists, numbers=numbers)
    assert result.shape == (5, 4)
    for i in range(5):
        for j in range(4):
            assert result[i, j] == pytest.approx(queries[i] @ gallery[lists[i, j]])


@given(st.integers(1, 12), st.integers(1, 13), st.integers(1, 13), st.integers(0, 99))
def test_count_beating_is_that_of_a_loop(n: int, rows: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    queries = random.integers(-1, 2, (n, 3)).astype(float)  # small integers: many ties
    gallery = random.integers(-1, 2, (n, 3)).astype(float)
    expected = [
        sum(queries[i] @ gallery[j] >= queries[i] @ gallery[i] - TIE for j in range(n) if j != i) for i in range(n)
    ]
    assert count_beating(queries, gallery, block=(rows, columns)).tolist() == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_collapsed_embedding_beats_nothing(dtype: type[np.floating]) -> None:
    same = np.repeat(embeddings(1, 300).astype(dtype), 40, axis=0)
    assert (count_beating(same, same, block=(7, 9)) == 39).all()


def test_a_perfect_embedding_is_beaten_by_nothing() -> None:
    assert (count_beating(np.eye(6), np.eye(6), block=(4, 5)) == 0).all()


def test_nan_is_beaten_by_everything() -> None:
    queries = np.full((4, 3), np.nan)
    assert count_beating(queries, np.eye(4, 3)).tolist() == [3, 3, 3, 3]


def test_a_reversed_scorer_takes_its_gallery_for_queries() -> None:
    first, second = embeddings(4), embeddings(3, seed=1)
    scorer = Scorer(lambda a, b: a @ b.T + a[:, :1], lambda a, b: (a * b).sum(-1) + a[..., 0])
    assert np.allclose(scorer.reversed().similarity(second, first), scorer.similarity(first, second).T)
    assert np.allclose(scorer.reversed().compare(second, first[:3]), scorer.compare(first[:3], second))
