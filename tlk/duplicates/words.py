"""Which pairs of images are worth a closer look: those that share many, or rare, visual words.

A word is the nearest coarse centre and the nearest centre of what it leaves over, 128 × 128 of them, learnt from the
images themselves. Bags of words are compared by cosine, weighted by how rare a word is. Sources: Sivic & Zisserman,
*Video Google*, 2003; Chen, Guan & Wang, *Approximate Nearest Neighbor Search by Residual Vector Quantization*, 2010.
"""

from collections.abc import Iterator

import cv2
import numpy as np
from scipy import sparse

from tlk.duplicates.keypoints import MIRROR, KeypointFile

NEIGHBOURS = 16  # a much-copied picture has a dozen near-duplicates
# Unrelated images share words by chance, at a cosine near 0.07. A lower bar finds no more duplicates, and takes longer.
MINIMUM_COSINE = 0.09
_CENTRES = 128
_SAMPLE = 20_000
_CHUNK = 8_192  # keypoints
_CELLS = 2**22  # cosines held at a time


def candidate_pairs(keypoints: KeypointFile) -> Iterator[tuple[int, int, bool]]:
    """Yield `(first, second, mirrored)`, first < second, each once and in order of `first`."""
    total = int(keypoints.counts.sum())
    if not total:
        return
    coarse, fine = learn_words(_sample(keypoints, total))
    plain, mirrored = _bags(keypoints, coarse, fine)
    found = {(*pair, False) for pair in _neighbours(plain, plain)}
    found |= {(*pair, True) for pair in _neighbours(mirrored, plain)}
    yield from sorted(found)


def learn_words(descriptors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return coarse and residual centres, `(c, 128)` float32 each, of `(k, 128)` float32 descriptors; c ≤ 128."""
    coarse = _centres(descriptors)
    return coarse, _centres(descriptors - coarse[_nearest(descriptors, coarse)])


def assign_words(descriptors: np.ndarray, coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Return the `(k,)` words of `(k, 128)` float32 descriptors."""
    outer = _nearest(descriptors, coarse)
    return np.asarray(outer * _CENTRES + _nearest(descriptors - coarse[outer], fine))


def _centres(vectors: np.ndarray) -> np.ndarray:
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 10, 0)
    count = min(_CENTRES, len(vectors))
    return np.asarray(cv2.kmeans(vectors, count, None, stop, 1, cv2.KMEANS_RANDOM_CENTERS)[2])


def _nearest(vectors: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.asarray((2 * vectors @ centres.T - (centres**2).sum(1)).argmax(1))


def _sample(keypoints: KeypointFile, total: int) -> np.ndarray:
    """Return evenly spaced descriptors, every other one mirrored, so that the words fit mirror images as well."""
    places = range(0, total, max(1, total // _SAMPLE))
    drawn = np.concatenate([keypoints.read(place, place + 1)["descriptor"] for place in places]).astype(np.float32)
    drawn[1::2] = drawn[1::2][:, MIRROR]
    return drawn


def _bags(keypoints: KeypointFile, coarse: np.ndarray, fine: np.ndarray) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return the weighted bags of the images and of their mirror images, `(n, words)` sparse, rows of unit length."""
    total = int(keypoints.counts.sum())
    words = np.empty((2, total), np.int32)
    for start in range(0, total, _CHUNK):
        descriptors = keypoints.read(start, min(total, start + _CHUNK))["descriptor"].astype(np.float32)
        words[0, start : start + _CHUNK] = assign_words(descriptors, coarse, fine)
        words[1, start : start + _CHUNK] = assign_words(descriptors[:, MIRROR], coarse, fine)
    rows = np.repeat(np.arange(len(keypoints), dtype=np.int32), keypoints.counts)
    shape = (len(keypoints), _CENTRES**2)
    counts = [sparse.coo_array((np.ones(total, np.float32), (rows, words[k])), shape).tocsr() for k in (0, 1)]
    images_with = np.bincount(counts[0].indices, minlength=shape[1])
    rarity = np.log1p(len(keypoints) / np.maximum(images_with, 1)).astype(np.float32)
    return _weigh(counts[0], rarity), _weigh(counts[1], rarity)


def _weigh(counts: sparse.csr_array, rarity: np.ndarray) -> sparse.csr_array:
    weights = np.sqrt(counts.data) * rarity[counts.indices]
    bags = sparse.csr_array((weights, counts.indices, counts.indptr), counts.shape)
    norms = np.sqrt(bags.multiply(bags).sum(axis=1))
    bags.data /= np.repeat(norms, np.diff(bags.indptr))  # a row without keypoints has nothing to divide
    return bags


def _neighbours(queries: sparse.csr_array, gallery: sparse.csr_array) -> Iterator[tuple[int, int]]:
    """Yield each row's nearest others as `(smaller, larger)` positions, a block of rows at a time."""
    count = gallery.shape[0]
    transposed = gallery.T.tocsr()
    kept = min(NEIGHBOURS + 1, count)  # one more, for the image itself
    rows = max(1, _CELLS // count)
    for start in range(0, count, rows):
        cosines = (queries[start : start + rows] @ transposed).toarray()  # (rows, n)
        nearest = np.argpartition(-cosines, kept - 1, axis=1)[:, :kept]
        alike = np.take_along_axis(cosines, nearest, axis=1) > MINIMUM_COSINE
        for row, column in zip(*np.nonzero(alike), strict=True):
            query, other = start + int(row), int(nearest[row, column])
            if query != other:
                yield min(query, other), max(query, other)
