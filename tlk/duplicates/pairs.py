"""What is known of a set of duplicate pairs, and the one place where they are put together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Finding(NamedTuple):
    """One reason to call images `first < second` duplicates; `inliers` is 0 where no keypoints were needed."""

    first: int
    second: int
    inliers: int
    mirrored: bool
    exact: bool


@dataclass(frozen=True)
class DuplicatePairs:
    """Pairs of images, each pair once, ordered by `first`, then `second`.

    first, second: `(m,)` int, the images' positions, `first < second`.
    inliers: `(m,)` int, matched places that agree on one map between the images; 0 where thumbnails or keys decided.
    mirrored: `(m,)` bool, one image is the other's mirror image.
    exact: `(m,)` bool, the files are byte-identical.
    """

    first: np.ndarray
    second: np.ndarray
    inliers: np.ndarray
    mirrored: np.ndarray
    exact: np.ndarray

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.first)


def merge_findings(findings: Iterable[Finding]) -> DuplicatePairs:
    """Keep one finding a pair: exact before near, then the most inliers, then the one that is not mirrored."""
    best: dict[tuple[int, int], Finding] = {}
    for finding in findings:
        pair = (finding.first, finding.second)
        if pair not in best or _strength(finding) > _strength(best[pair]):
            best[pair] = finding
    chosen = [best[pair] for pair in sorted(best)]
    return DuplicatePairs(
        first=np.array([finding.first for finding in chosen], dtype=np.int64),
        second=np.array([finding.second for finding in chosen], dtype=np.int64),
        inliers=np.array([finding.inliers for finding in chosen], dtype=np.int64),
        mirrored=np.array([finding.mirrored for finding in chosen], dtype=bool),
        exact=np.array([finding.exact for finding in chosen], dtype=bool),
    )


def _strength(finding: Finding) -> tuple[bool, int, bool]:
    return finding.exact, finding.inliers, not finding.mirrored
