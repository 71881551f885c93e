"""Do the keypoints of two images lie where one map between the images would put them?

Sources: Lowe, *Distinctive Image Features from Scale-Invariant Keypoints*, 2004 (the ratio test); Fischler & Bolles,
*Random Sample Consensus*, 1981.
"""

import cv2
import numpy as np

_RATIO = 0.8  # Lowe's: the best match must be this much nearer than the second best
_REPROJECTION = 2.5  # pixels
_PLACE = 2.0  # pixels: keypoints nearer than this are one place, they would count one detail twice
_SPREAD = 4.0  # pixels, standard deviation across the narrowest direction: a line, or one small logo, is no picture
_SCALES = (0.2, 5.0)
_STRETCH = 2.0  # largest ratio of the two scales of the map


def unit_descriptors(keypoints: np.ndarray) -> np.ndarray:
    """Return the `(k, 128)` float32 descriptors of `(k,)` keypoints, scaled to unit length."""
    descriptors = keypoints["descriptor"].astype(np.float32)
    norms = np.linalg.norm(descriptors, axis=1, keepdims=True)
    return np.asarray(descriptors / np.maximum(norms, 1))


def match_descriptors(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of mutual nearest neighbours that pass the ratio test.

    Takes `(k, 128)` and `(l, 128)` of unit length, gives two arrays `(m,)`; empty ones where `second` has no second
    best.
    """
    if len(first) < 1 or len(second) < 2:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cosines = first @ second.T  # (k, l)
    rows = np.arange(len(first))
    nearest = cosines.argmax(1)
    mutual = cosines.argmax(0)[nearest] == rows
    best = cosines[rows, nearest]
    cosines[rows, nearest] = -1
    clear = 1 - best < _RATIO**2 * (1 - cosines.max(1))  # squared distances of unit vectors
    kept = np.flatnonzero(mutual & clear)
    return kept, nearest[kept]


def count_inliers(first: np.ndarray, second: np.ndarray, minimum: int) -> int:
    """Return how many distinct places of two images agree on one plausible affine map, 0 if fewer than `minimum`.

    Args:
        first: `(k,)` keypoints of one image.
        second: `(l,)` keypoints of the other.
        minimum: at least 3; with fewer matches than this no map is sought, which saves most of the time.
    """
    if min(len(first), len(second)) < minimum:
        return 0
    rows, columns = match_descriptors(unit_descriptors(first), unit_descriptors(second))
    if len(rows) < minimum:
        return 0
    source = np.stack([first["x"][rows], first["y"][rows]], axis=1)  # (m, 2)
    target = np.stack([second["x"][columns], second["y"][columns]], axis=1)
    cv2.setRNGSeed(0)
    affine, mask = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_REPROJECTION, maxIters=1000, confidence=0.99
    )
    if affine is None or not is_plausible(affine):
        return 0
    agreeing = mask.ravel().astype(bool)
    source, target = source[agreeing], target[agreeing]
    places = min(_distinct(source), _distinct(target))
    if places < minimum or min(_spread(source), _spread(target)) < _SPREAD:
        return 0
    return places


def is_plausible(affine: np.ndarray) -> bool:
    """Say whether a `(2, 3)` map could be an edit of a picture: no reflection, no extreme scale, little stretching."""
    linear = affine[:, :2]
    large, small = np.linalg.svd(linear, compute_uv=False)
    return bool(np.linalg.det(linear) > 0 and small >= _SCALES[0] and large <= _SCALES[1] and large <= _STRETCH * small)


def _distinct(points: np.ndarray) -> int:
    return len(np.unique(np.round(points / _PLACE), axis=0))


def _spread(points: np.ndarray) -> float:
    return float(np.sqrt(max(0.0, np.linalg.eigvalsh(np.cov(points.T))[0])))
