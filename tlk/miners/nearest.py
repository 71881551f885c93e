"""The one search of the miners: the nearest allowed gallery rows, found block by block."""

from collections.abc import Callable

import torch
from torch import Tensor

Similarity = Callable[[Tensor, Tensor], Tensor]  # (n, …), (m, …) -> (n, m), larger = more alike

BLOCK = (1024, 4096)  # anchors, gallery rows: larger blocks were no faster on two cores


@torch.no_grad()
def nearest(
    similarity: Similarity,
    anchors: Tensor,
    gallery: Tensor,
    anchor_group: Tensor,
    gallery_group: Tensor,
    k: int,
    below: Tensor | None = None,
    block: tuple[int, int] = BLOCK,
) -> Tensor:
    """Return the `(n, k)` gallery rows most similar to each anchor, most similar first, forbidden ones left out.

    The rows are int64 on the anchors' device, -1 where there are fewer than k; ties go to the smaller row. Memory is
    bounded by the block, never by n × m.

    Args:
        similarity: of a block of anchors with a block of the gallery. Infinite and NaN ones are never selected.
        anchors: `(n, …)`.
        gallery: `(m, …)`, on the same device.
        anchor_group: `(n,)` integers: an anchor never gets a row of its own group.
        gallery_group: `(m,)` integers.
        k: how many for each anchor, 1 or more.
        below: `(n,)` bounds: an anchor gets only rows that are strictly less similar than its bound.
        block: how many anchors, and gallery rows, at a time.
    """
    if below is None:
        below = torch.full((len(anchors),), torch.inf)
    anchor_group, gallery_group, below = (x.to(anchors.device) for x in (anchor_group, gallery_group, below))
    found = torch.full((len(anchors), k), -1, device=anchors.device)
    for start in range(0, len(anchors), block[0]):
        rows = slice(start, start + block[0])
        part = (anchors[rows], gallery, anchor_group[rows], gallery_group, k, below[rows], block[1])
        best = _search(similarity, *part)
        found[rows, : best.shape[1]] = best
    return found


def _search(
    similarity: Similarity,
    anchors: Tensor,
    gallery: Tensor,
    anchor_group: Tensor,
    gallery_group: Tensor,
    k: int,
    below: Tensor,
    block: int,
) -> Tensor:
    """Return `(b, min(k, m))` rows of the whole gallery for one block of anchors."""
    scores = torch.empty(len(anchors), 0, device=anchors.device)
    best = scores.long()
    for first in range(0, len(gallery), block):
        columns = slice(first, first + block)
        same = anchor_group[:, None] == gallery_group[columns]  # (b, c)
        fresh = _allowed(similarity(anchors, gallery[columns]), same, below)
        top = _top(fresh, k)
        scores, best = _merge(scores, best, fresh.gather(1, top), top + first, k)
    return best.masked_fill(scores == -torch.inf, -1)


def _allowed(scores: Tensor, forbidden: Tensor, below: Tensor) -> Tensor:
    """Return `(b, c)` scores with -inf for those forbidden or not below the `(b,)` bounds."""
    if not scores.max() < below.min():  # a pass that the unbounded search seldom needs; NaN fails the comparison
        forbidden = forbidden | ~(scores < below[:, None])
    return torch.where(forbidden, -torch.inf, scores)


def _top(scores: Tensor, k: int) -> Tensor:
    """Return the columns, ascending, of the k largest of each row; of equals at the border the first ones."""
    if scores.shape[1] <= k:
        return torch.arange(scores.shape[1], device=scores.device).expand(scores.shape)
    values, top = scores.topk(k + 1, dim=1)
    border = values[:, k - 1, None]
    top = top[:, :k].sort(dim=1).values
    tied = ((values[:, k - 1] == values[:, k]) & (values[:, k] > -torch.inf)).nonzero()[:, 0]
    if len(tied):  # topk takes any of equals
        top[tied] = _first_of_equals(scores[tied], border[tied], k)
    return top


def _first_of_equals(scores: Tensor, border: Tensor, k: int) -> Tensor:
    """Return `(n, k)` columns: those above each row's `(n, 1)` border, filled up with the first ones at it."""
    above, equal = scores > border, scores == border
    room = k - above.sum(dim=1, keepdim=True)
    chosen = above | (equal & (equal.cumsum(dim=1) <= room))  # (n, c), exactly k a row
    return chosen.nonzero()[:, 1].view(-1, k)


def _merge(scores: Tensor, best: Tensor, fresh: Tensor, rows: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k best of earlier and fresh rows, best first; the sort is stable, so that earlier rows win ties."""
    merged, order = torch.cat([scores, fresh], 1).sort(dim=1, descending=True, stable=True)
    return merged[:, :k], torch.cat([best, rows], 1).gather(1, order[:, :k])
