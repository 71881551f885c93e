"""What every miner is: checked inputs, then a selection."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from tlk.miners.nearest import Similarity
from tlk.miners.registry import MinerParameters


class Miner(ABC):
    """Base of the miners: validates, so that a subclass only selects."""

    needs_own = False  # similarities of the anchors with their own matches

    def __init__(self, parameters: MinerParameters) -> None:
        self.k = parameters.k

    @torch.no_grad()
    def select(
        self,
        similarity: Similarity,
        anchors: Tensor,
        own: Tensor | None,
        gallery: Tensor,
        anchor_group: Tensor,
        gallery_group: Tensor,
    ) -> Tensor:
        """Return `(n, k)` int64 gallery rows, the most useful negative first, -1 where there are fewer, or none.

        Args:
            similarity: of a block with a block, `(n, …)` and `(m, …)` to `(n, m)`, larger = more alike.
            anchors: `(n, …)` embeddings.
            own: `(n,)` similarities of the anchors with their own matches; None for a miner that `needs_own` not.
            gallery: `(m, …)` embeddings of the candidates.
            anchor_group: `(n,)` integers; an anchor never gets a candidate of its own group.
            gallery_group: `(m,)` integers.

        Raises:
            ValueError: lengths that do not fit together, or groups that are not integers.
        """
        for name, rows, expected in (
            ("own similarities", anchors if own is None else own, anchors),
            ("anchor groups", anchor_group, anchors),
            ("gallery groups", gallery_group, gallery),
        ):
            if len(rows) != len(expected):
                raise ValueError(f"{len(rows)} {name} for {len(expected)} embeddings")
        for group in (anchor_group, gallery_group):
            if group.ndim != 1 or group.is_floating_point():
                raise ValueError(f"groups are one integer a row, not {group.dtype} of shape {tuple(group.shape)}")
        return self._select(similarity, anchors, own, gallery, anchor_group, gallery_group)

    @abstractmethod
    def _select(
        self,
        similarity: Similarity,
        anchors: Tensor,
        own: Tensor | None,
        gallery: Tensor,
        anchor_group: Tensor,
        gallery_group: Tensor,
    ) -> Tensor: ...
