"""The nearest of a large gallery to some queries: exact, in blocks; past a million images by faiss, where it is."""

from importlib.util import find_spec

import numpy as np
import torch

from tlk.miners.nearest import nearest

_MANY = 1_000_000  # images, from which on faiss is worth its import


def nearest_rows(
    queries: np.ndarray, gallery: np.ndarray, k: int, faiss: bool | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `(n, k)` gallery rows most alike to each query, most alike first, and their `(n, k)` cosines.

    Args:
        queries: `(n, d)` float32 unit embeddings.
        gallery: `(m, d)` float32 unit embeddings, m at least k.
        k: how many for each query.
        faiss: whether faiss searches, exactly as well (Douze et al., *The Faiss library*, 2024); None: where it is
            installed and the gallery is large.

    Raises:
        ValueError: a similarity is not finite, so that fewer than k rows can be found.
    """
    rows, cosines = _nearest_rows(queries, gallery, k, faiss)
    if (rows < 0).any():
        raise ValueError("an embedding is not finite")
    return rows, cosines


def _nearest_rows(
    queries: np.ndarray, gallery: np.ndarray, k: int, faiss: bool | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows, -1 where there is none, and cosines."""
    if faiss is None:
        faiss = len(gallery) >= _MANY and find_spec("faiss") is not None
    if faiss:
        from faiss import METRIC_INNER_PRODUCT, knn

        cosines, rows = knn(np.ascontiguousarray(queries), np.ascontiguousarray(gallery), k, METRIC_INNER_PRODUCT)
        return rows, cosines
    own, others = torch.full((len(queries),), -1), torch.arange(len(gallery))  # nothing is forbidden
    found = nearest(lambda a, g: a @ g.T, torch.from_numpy(queries), torch.from_numpy(gallery), own, others, k).numpy()
    return found, np.einsum("nd,nkd->nk", queries, gallery[found])
