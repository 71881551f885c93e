"""Which images of a collection are learned from, which validate and which test: no group straddles two parts."""

import numpy as np

from tlk.errors import UserError
from tlk.seeding import generator

PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
LEFT_OUT = -1


def assign_parts(
    group: np.ndarray, shares: tuple[int, int, int], seed: int, label: np.ndarray | None = None, unseen: int = 0
) -> np.ndarray:
    """Return the `(n,)` part of each image, whole groups in seeded order, filled up to the shares.

    Args:
        group: `(n,)` integers; what shares one, such as views of one object and near-duplicates, stays together.
        shares: training, validation and test in percent.
        seed: of the order.
        label: `(n,)`, such as artists, -1 for none: `unseen` percent of them are in the test part alone, and whole.
        unseen: of the labels, in percent; the shares are then those of the rest.

    Raises:
        UserError: so many percent are none of the labels, or all.
    """
    part = np.full(len(group), LEFT_OUT)
    if label is not None and unseen:
        names = np.unique(label[label >= 0])
        count = round(len(names) * unseen / 100)
        if not 0 < count < len(names):
            what = f"--unseen {unseen}: of the {len(names)} that the first rule tells apart, that is {count or 'none'}"
            raise UserError(f"{what}\ntake another share, leave it out, or bring more of them")
        chosen = generator(seed, "unseen").permutation(names)[:count]
        together = np.isin(group, group[np.isin(label, chosen)])
        part[together] = TEST
    free = np.flatnonzero(part == LEFT_OUT)
    labels, member, sizes = np.unique(group[free], return_inverse=True, return_counts=True)
    order = generator(seed, "parts").permutation(len(labels))
    middle = np.empty(len(labels))
    middle[order] = (np.cumsum(sizes[order]) - sizes[order] / 2) / max(1, len(free))  # where a group's middle falls
    part[free] = np.searchsorted(np.cumsum(shares[:2]) / 100, middle, side="right")[member]
    return part


def at_most(label: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return an `(n,)` mask that keeps no more than `most` images of a label, chosen at random, none without one.

    Source: Waked and Sawaed, *Classifying two images of painting as belonging to the same artist or not*, 2023: the
    largest artists reduced to the smallest.
    """
    order = generator(seed, "balance").permutation(len(label))
    order = order[np.argsort(label[order], kind="stable")]  # by label, at random within each
    _, first = np.unique(label[order], return_index=True)
    place = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    kept = np.zeros(len(label), bool)
    kept[order[place < most]] = True
    return kept & (label >= 0)


def smallest(label: np.ndarray) -> int:
    """Return how many images the smallest label has of those that can make a pair.

    Raises:
        UserError: no label has two images.
    """
    sizes = np.unique(label[label >= 0], return_counts=True)[1]
    if not (sizes > 1).any():
        raise UserError("--balance: no artist has two images\nleave it out, or bring more images")
    return int(sizes[sizes > 1].min())


def merged(group: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return `(n,)` groups joined wherever two of them share a label that is not -1."""
    from scipy import sparse

    images = len(group)
    known = np.flatnonzero(label >= 0)
    _, group = np.unique(group, return_inverse=True)
    rows = np.concatenate([np.arange(images), known])
    nodes = np.concatenate([images + group, images + group.max(initial=0) + 1 + label[known]])
    count = int(nodes.max(initial=images)) + 1
    links = sparse.coo_array((np.ones(len(rows), np.int8), (rows, nodes)), (count, count))
    return np.asarray(sparse.csgraph.connected_components(links, directed=False)[1][:images], np.int64)
