"""Semi-hard negatives: hard, but not harder than the positive. Source: Schroff, Kalenichenko & Philbin, *FaceNet: A
Unified Embedding for Face Recognition and Clustering*, 2015: the hardest negatives early on lead to collapsed models.
"""

from torch import Tensor

from tlk.miners.base import Miner
from tlk.miners.nearest import Similarity, nearest


class SemiHard(Miner):
    """The k allowed candidates most similar to each anchor among those less similar to it than its own positive."""

    needs_own = True

    def _select(
        self,
        similarity: Similarity,
        anchors: Tensor,
        own: Tensor | None,
        gallery: Tensor,
        anchor_group: Tensor,
        gallery_group: Tensor,
    ) -> Tensor:
        return nearest(similarity, anchors, gallery, anchor_group, gallery_group, self.k, below=own)
