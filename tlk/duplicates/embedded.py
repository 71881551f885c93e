"""Near-duplicate candidates among embedded images: pairs whose embeddings are nearly the same."""

from collections.abc import Iterator

import numpy as np

_BLOCK = (1024, 8192)


def alike_embeddings(
    vectors: np.ndarray, minimum: float, others: np.ndarray | None = None
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of positions, first < second, of `(n, d)` unit vectors with a cosine of at least `minimum`.

    With `others`, `(n, d)` of the same images seen otherwise, such as mirrored, the first of a pair is one of those.
    Each pair comes once. Half of all products are computed, a block at a time.
    """
    first = vectors if others is None else others
    for start in range(0, len(vectors), _BLOCK[0]):
        queries = first[start : start + _BLOCK[0]].astype(np.float32, copy=False)
        for begin in range(start, len(vectors), _BLOCK[1]):
            gallery = vectors[begin : begin + _BLOCK[1]].astype(np.float32, copy=False)
            near = np.flatnonzero(queries @ gallery.T >= minimum)
            for one, two in zip(start + near // len(gallery), begin + near % len(gallery), strict=True):
                if one < two:
                    yield int(one), int(two)
