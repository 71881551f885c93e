"""Pairs with a meaning: images that a rule relates, and as many that no rule relates.

Source: Rathod, *Task 2: Similarity*, 2025, 3.1: positive and negative pairs, generated before the training.
"""

import numpy as np

from tlk.seeding import generator

_TRIES = 50


def draw_positives(
    label: np.ndarray, group: np.ndarray | None, members: np.ndarray, per_image: int, seed: int
) -> np.ndarray:
    """Return `(m, 2)` images with one label, each pair once, up to `per_image` partners drawn for each image.

    Args:
        label: `(n,)` by one rule, -1 for none.
        group: `(n,)`; two images of one group make no pair: their likeness is too easy. None: they do.
        members: `(p,)` images that pairs are made of.
        per_image: how many partners are drawn for an image; where few share its label, there are fewer.
        seed: of the draws.
    """
    random = generator(seed, "positives")
    members = members[label[members] >= 0]
    order = members[np.argsort(label[members], kind="stable")]
    pairs: set[tuple[int, int]] = set()
    for same in np.split(order, np.flatnonzero(np.diff(label[order])) + 1):
        for image in same if len(same) > 1 else ():
            others = same[same != image] if group is None else same[group[same] != group[image]]
            drawn = random.permutation(others)[:per_image] if len(others) > per_image else others
            pairs.update((min(int(image), int(other)), max(int(image), int(other))) for other in drawn)
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def draw_negatives(
    anchors: np.ndarray, labels: np.ndarray, group: np.ndarray, pool: np.ndarray, members: np.ndarray, seed: int
) -> np.ndarray:
    """Return for each of `(m,)` anchors an image that no rule relates to it, -1 where none was found.

    Args:
        anchors: `(m,)` images.
        labels: `(n, r)` by all rules, -1 for none.
        group: `(n,)`; an image of the anchor's group is none of its negatives.
        pool: `(n,)`; a negative comes from the anchor's pool, such as that of the artists who were seen in training.
        members: `(p,)` images that negatives are drawn from.
        seed: of the draws.
    """
    random = generator(seed, "negatives")
    order = members[np.argsort(pool[members], kind="stable")]
    first, last = (np.searchsorted(pool[order], pool[anchors], side) for side in ("left", "right"))
    found = np.full(len(anchors), -1, np.int64)
    open_ = np.flatnonzero(last > first)
    for _ in range(_TRIES):
        if not len(open_):
            break
        drawn = order[random.integers(first[open_], last[open_])]
        allowed = ~related(labels, anchors[open_], drawn) & (group[drawn] != group[anchors[open_]])
        found[open_[allowed]] = drawn[allowed]
        open_ = open_[~allowed]
    return found


def related(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return an `(m,)` mask of the pairs of images that share a label by any of the `(n, r)` labels' rules."""
    ours = labels[first]
    return np.asarray(((ours == labels[second]) & (ours >= 0)).any(axis=1))
