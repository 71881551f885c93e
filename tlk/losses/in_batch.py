"""Choosing the own partner among those of the whole batch: what the in-batch softmax losses share."""

import torch
from torch import Tensor, nn


def cosines(anchors: Tensor, positives: Tensor, negatives: Tensor | None = None) -> Tensor:
    """Return the cosine of each anchor with every positive, and with its own negative in one more column.

    All are `(b, d)`; the result is `(b, b)`, own positives on the diagonal, or `(b, b + 1)` with negatives. The cosine
    with a vector of zeros is 0.
    """
    normalise = nn.functional.normalize
    anchors = normalise(anchors, dim=1)
    every = anchors @ normalise(positives, dim=1).T  # (b, b)
    if negatives is None:
        return every
    mined = (anchors * normalise(negatives, dim=1)).sum(dim=1, keepdim=True)  # (b, 1)
    return torch.cat([every, mined], dim=1)  # (b, b + 1)


def symmetric_cross_entropy(logits: Tensor) -> Tensor:
    """Return the mean cost of picking the diagonal of `(b, b)` or `(b, b + 1)` logits, by row and by column.

    A column beyond the b-th counts by row only: a mined negative belongs to one anchor. A single pair without one has
    nothing to be told apart from: its cost is 0, and nothing is learned from it.
    """
    own = torch.arange(len(logits), device=logits.device)
    cross_entropy = nn.functional.cross_entropy
    return (cross_entropy(logits, own) + cross_entropy(logits[:, : len(logits)].T, own)) / 2
