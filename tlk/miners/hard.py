"""Hard negatives: the candidates most similar to the anchor. Source: Peng & Widjaja, *Image Similarity Models with the
TotallyLooksAlike Dataset*, who wanted them and found predicting over every candidate too expensive.
"""

from torch import Tensor

from tlk.miners.base import Miner
from tlk.miners.nearest import Similarity, nearest


class Hard(Miner):
    """The k allowed candidates most similar to each anchor."""

    def _select(
        self,
        similarity: Similarity,
        anchors: Tensor,
        own: Tensor | None,
        gallery: Tensor,
        anchor_group: Tensor,
        gallery_group: Tensor,
    ) -> Tensor:
        return nearest(similarity, anchors, gallery, anchor_group, gallery_group, self.k)
