"""Exact and near duplicates among many images, mirrored, cropped, rescaled or re-encoded.

One pass over the images keeps a thumbnail and the strongest SIFT keypoints of each. Shared visual words then propose
pairs, and geometry decides on them: a pair stands when many keypoints of one image lie where one affine map of the
other puts them. Pictures too flat for keypoints are compared as thumbnails.
"""

from tlk.duplicates.find import MINIMUM_INLIERS, find_duplicates
from tlk.duplicates.groups import group_duplicates, group_pairs
from tlk.duplicates.pairs import DuplicatePairs

__all__ = ["MINIMUM_INLIERS", "DuplicatePairs", "find_duplicates", "group_duplicates", "group_pairs"]
