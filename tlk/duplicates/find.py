"""The whole search: one pass over the images, proposals, verdicts."""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np

from tlk.duplicates.geometry import count_inliers
from tlk.duplicates.keypoints import KeypointFile, detect_keypoints, mirror_keypoints, reduce_image
from tlk.duplicates.pairs import DuplicatePairs, Finding, merge_findings
from tlk.duplicates.thumbnails import SIDE, alike_pairs, draw_thumbnail
from tlk.duplicates.words import candidate_pairs

# By eye, on 7,000 photographs and drawings: from 28 on nearly all pairs are edits of one picture; below about 20, other
# photographs of a like face pass as well. What stands clear of both is called a duplicate.
MINIMUM_INLIERS = 34


def find_duplicates(
    images: Iterable[np.ndarray],
    keys: np.ndarray | None = None,
    *,
    minimum_inliers: int = MINIMUM_INLIERS,
    proposed: Iterable[tuple[int, int, bool]] = (),
    progress: Callable[[int], None] | None = None,
) -> DuplicatePairs:
    """Find exact and near duplicates among images: mirrored, cropped, rescaled, re-encoded or framed copies.

    Memory grows by a few KB an image; the keypoints, up to 40 KB an image, lie in a temporary file while the search
    lasts.

    Args:
        images: `(h, w, 3)` uint8 RGB each, of any size, iterated once.
        keys: `(n,)` content keys, equal where the files are byte-identical.
        minimum_inliers: how many places must agree on one map, at least 8. Lower finds more, and more that is wrong.
        proposed: more pairs to look at, `(first, second, mirrored)`, such as those whose embeddings are alike.
        progress: called after each image with the number seen so far.

    Raises:
        ValueError: an image of another shape or type, keys that are not one an image, or `minimum_inliers` below 8.

    Source: Lowe, *Distinctive Image Features from Scale-Invariant Keypoints*, 2004; Fischler & Bolles, *Random Sample
    Consensus*, 1981.
    """
    if minimum_inliers < 8:
        raise ValueError(f"minimum_inliers is {minimum_inliers}: fewer than 8 places agree by chance")
    with KeypointFile() as keypoints:
        thumbnails = _survey(images, keypoints, progress)
        findings = list(_equal(keys, len(keypoints)))
        findings += _alike(thumbnails)
        findings += _matching(keypoints, {*candidate_pairs(keypoints), *proposed}, minimum_inliers)
    return merge_findings(findings)


def _survey(
    images: Iterable[np.ndarray], keypoints: KeypointFile, progress: Callable[[int], None] | None
) -> np.ndarray:
    """Add all images' keypoints to the file and return their `(n, SIDE, SIDE, 3)` thumbnails."""
    thumbnails: list[np.ndarray] = []
    for position, image in enumerate(images):
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"image {position}: (h, w, 3) uint8 expected, not {image.shape} {image.dtype}")
        grey = reduce_image(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        keypoints.append(detect_keypoints(grey), grey.shape[1])
        thumbnails.append(draw_thumbnail(image))
        if progress:
            progress(position + 1)
    return np.array(thumbnails, np.uint8).reshape(-1, SIDE, SIDE, 3)


def _alike(thumbnails: np.ndarray) -> Iterator[Finding]:
    """Yield the pairs whose thumbnails agree."""
    for first, second, mirrored in alike_pairs(thumbnails):
        yield Finding(first, second, 0, mirrored, exact=False)


def _matching(keypoints: KeypointFile, candidates: Iterable[tuple[int, int, bool]], minimum: int) -> Iterator[Finding]:
    """Yield the candidate pairs that geometry confirms."""
    for first, second, mirrored in sorted(candidates):
        ours = mirror_keypoints(keypoints[first], keypoints.widths[first]) if mirrored else keypoints[first]
        inliers = count_inliers(ours, keypoints[second], minimum)
        if inliers:
            yield Finding(first, second, inliers, mirrored, exact=False)


def _equal(keys: np.ndarray | None, count: int) -> Iterator[Finding]:
    """Yield all pairs of images that share a key."""
    if keys is None:
        return
    if len(keys) != count:
        raise ValueError(f"{len(keys)} keys for {count} images")
    holders: dict[bytes, list[int]] = {}
    for position, key in enumerate(keys.tolist()):
        for earlier in holders.setdefault(key, []):
            yield Finding(earlier, position, 0, mirrored=False, exact=True)
        holders[key].append(position)
