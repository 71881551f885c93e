"""The nearest of a gallery: by sorting everything, in blocks, and by faiss."""

import numpy as np
import pytest

from tlk.embeddings.views import unit
from tlk.scoring import neighbours
from tlk.scoring.neighbours import nearest_rows


def drawn(count: int, seed: int) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, 24), np.float32))


@pytest.mark.parametrize("faiss", [False, True])
def test_they_are_those_of_a_sort(faiss: bool) -> None:
    if faiss:
        pytest.importorskip("faiss", reason="the extra faiss is not installed")
    queries, gallery = drawn(50, 0), drawn(6000, 1)  # more than one block
    rows, cosines = nearest_rows(queries, gallery, 7, faiss)
    expected = np.argsort(-(queries @ gallery.T), axis=1, kind="stable")[:, :7]
    assert rows.tolist() == expected.tolist()
    np.testing.assert_allclose(cosines, np.take_along_axis(queries @ gallery.T, expected, 1), atol=1e-5)


def test_faiss_is_taken_for_large_galleries_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    faiss = pytest.importorskip("faiss", reason="the extra faiss is not installed")
    asked: list[int] = []
    search = faiss.knn
    monkeypatch.setattr(faiss, "knn", lambda q, g, k, metric: asked.append(len(g)) or search(q, g, k, metric))
    nearest_rows(drawn(3, 0), drawn(200, 1), 2)
    assert not asked
    monkeypatch.setattr(neighbours, "_MANY", 200)
    nearest_rows(drawn(3, 0), drawn(200, 1), 2)
    assert asked == [200]


@pytest.mark.parametrize("faiss", [False, True])
def test_zero_vectors_are_equally_near_to_everything(faiss: bool) -> None:
    if faiss:
        pytest.importorskip("faiss", reason="the extra faiss is not installed")
    rows, cosines = nearest_rows(np.zeros((2, 24), np.float32), drawn(50, 1), 3, faiss)
    assert cosines.tolist() == [[0] * 3] * 2
    assert rows.shape == (2, 3)
    if not faiss:
        assert rows.tolist() == [[0, 1, 2]] * 2


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("faiss", [False, True])
def test_an_embedding_that_is_not_finite_finds_nothing_instead_of_anything(value: float, faiss: bool) -> None:
    if faiss:
        pytest.importorskip("faiss", reason="the extra faiss is not installed")
    queries = drawn(3, 0)
    queries[1] = value * np.sign(queries[1])
    with pytest.raises(ValueError, match="not finite"), np.errstate(invalid="ignore"):
        nearest_rows(queries, drawn(5, 1), 5, faiss)
