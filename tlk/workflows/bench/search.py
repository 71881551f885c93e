"""Search among many embeddings: ranks, hard negatives, near-duplicates, beside the bare matrix products."""

from typing import Any

import numpy as np

from tlk.workflows.bench.measure import Row, apart, grown, seconds_of

_HERE = "tlk.workflows.bench.search"
_WIDTH = 256
_BLOCK = (1024, 8192)


def search(size: int) -> list[Row]:
    """Return the comparisons for `size` queries in a gallery of as many, each in a process of its own."""
    rows = []
    for bench, what in (
        ("rank", f"exact ranks of {size:,} queries among {size:,}"),
        ("mine", f"20 hard negatives each of {size:,} among {size:,}"),
        ("duplicates", f"near-duplicate candidates among {size:,}"),
    ):
        told = apart(f"{_HERE}:{bench}", size)
        beside = f"the matrix products alone, {_WIDTH} dimensions"
        rows.append(Row(bench, what, told["seconds"], beside, told["bare"], told["grown"], told["note"]))
    return rows


def rank(size: int) -> dict[str, Any]:
    """Measure exact ranks."""
    from tlk.scoring.similarity import count_beating

    queries, gallery = drawn(size, 0), drawn(size, 1)
    gallery += queries * 0.1
    beating, told = _measured(lambda: count_beating(queries, gallery), queries, gallery)
    return told | {"note": f"median rank {int(np.median(beating)) + 1:,}"}


def mine(size: int) -> dict[str, Any]:
    """Measure the search for hard negatives."""
    import torch

    from tlk.miners.hard import Hard
    from tlk.miners.registry import HardParameters

    queries, gallery = drawn(size, 0), drawn(size, 1)
    anchors, others, group = torch.from_numpy(queries), torch.from_numpy(gallery), torch.arange(size)
    miner = Hard(HardParameters(k=20))
    chosen, told = _measured(
        lambda: miner.select(lambda a, g: a @ g.T, anchors, None, others, group, group), queries, gallery
    )
    some = np.linspace(0, size - 1, 20).astype(int)
    full = queries[some] @ gallery.T
    full[np.arange(20), some] = -np.inf
    right = np.sort(np.argsort(-full, axis=1)[:, :20], axis=1) == np.sort(chosen[some].numpy(), axis=1)
    return told | {"note": f"{right.mean():.0%} of a sample as by sorting everything"}


def duplicates(size: int) -> dict[str, Any]:
    """Measure the search for near-duplicates, of which one in a hundred is planted."""
    from tlk.duplicates.embedded import alike_embeddings

    vectors = drawn(size, 0)
    planted = np.arange(0, size // 2, 50)
    vectors[-1 - planted] = vectors[planted]
    pairs, told = _measured(lambda: list(alike_embeddings(vectors, 0.9)), vectors, vectors)
    return told | {"note": f"{len(pairs):,} of {len(planted):,} planted found"}


def drawn(size: int, seed: int) -> np.ndarray:
    """Return `(size, 256)` float32 unit vectors."""
    vectors = np.random.default_rng(seed).standard_normal((size, _WIDTH), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _measured(work: Any, queries: np.ndarray, gallery: np.ndarray) -> tuple[Any, dict[str, Any]]:
    """Return what `work` gives, its seconds, those of the bare products, and by how much the peak of memory grew."""
    found: list[Any] = []
    bare = seconds_of(lambda: _products(queries, gallery))
    seconds, more = grown(lambda: found.append(work()))
    return found[0], {"seconds": seconds, "bare": bare, "grown": more}


def _products(queries: np.ndarray, gallery: np.ndarray) -> None:
    for start in range(0, len(queries), _BLOCK[0]):
        for first in range(0, len(gallery), _BLOCK[1]):
            queries[start : start + _BLOCK[0]] @ gallery[first : first + _BLOCK[1]].T
