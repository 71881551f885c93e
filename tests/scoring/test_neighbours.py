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
