"""The rest of a backbone above a stage, trained together with an adapter on each of several of its activations."""

from functools import partial

from tlk.backbones.stages import train_from
from tlk.models.base import Given
from tlk.models.cut import CutBackbone
from tlk.models.registry import TunedAdaptersParameters
from tlk.models.trained_views import TrainedViews


class TunedAdapters(TrainedViews):
    """What `tail` is with the heads of `adapters`: cells keep the layout.

    Batch norm keeps its pretrained statistics.
    """

    def __init__(self, parameters: TunedAdaptersParameters, given: Given) -> None:
        network = CutBackbone(given.backbone or "", given.stage or 1.0, fold=True)
        views = partial(network.views, named=[(view.at, view.cells) for view in parameters.views])
        super().__init__(parameters, network, views, network.size, parameters.rate)
        train_from(network, network.first[0])
        self.train()

    def train(self, mode: bool = True) -> "TunedAdapters":
        """Turn to training or evaluation; the backbone's dropout and statistics stay in evaluation."""
        super().train(mode)
        self.network.eval()
        return self
