"""Sight by a backbone: from the pixels through a timm network and a head on its activations, all differentiable."""

import numpy as np
import torch
from torch import Tensor

from tlk.embeddings.backbone import BackboneEmbedder
from tlk.embeddings.graph import Graph
from tlk.embeddings.schema import EmbeddingParameters
from tlk.embeddings.stages import tap_stages
from tlk.models.cut import CutBackbone
from tlk.workflows.explain_cells import last_maps, stage_maps
from tlk.workflows.explain_loading import Loader, given_for
from tlk.workflows.explain_sight import GradientSight


class BackboneSight(GradientSight):
    """What the embedder and the head that `load` gives make of pictures, as one differentiable function."""

    def __init__(
        self, embedder: BackboneEmbedder, parameters: EmbeddingParameters, load: Loader, device: torch.device
    ) -> None:
        self._network = embedder.model
        config = self._network.pretrained_cfg
        taps, places = tap_stages(self._network, parameters.views)
        self._graph = Graph(self._network, taps, config["mean"], config["std"]).to(device)
        self._prepare = embedder.prepare
        self._mirrored = parameters.mirrored
        self._device = device
        with torch.no_grad():
            views = self._graph(self.inputs(np.zeros((8, 8, 3), np.uint8)).permute(0, 2, 3, 1))
        self.model = load(given_for(parameters, [view.shape[1] for view in views], places)).to(device).eval()

    def inputs(self, picture: np.ndarray) -> Tensor:
        """Return the `(1, 3, h, w)` float pixels, from 0 to 255, that the network sees of a picture."""
        return torch.from_numpy(np.array(self._prepare(picture))).permute(2, 0, 1)[None].float().to(self._device)

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the `(1, e)` embedding of `(1, 3, h, w)` pixels, in all orientations that the head was trained on."""
        turns = torch.cat([inputs, inputs.flip(-1)]) if self._mirrored else inputs  # (o, 3, h, w)
        vectors = torch.cat(self._graph(turns.permute(0, 2, 3, 1)), dim=1)  # (o, d)
        return self.model.embed(self.model.reduce(vectors[None]))

    def cells(self, picture: np.ndarray) -> np.ndarray:
        """Return the `(c, h, w)` maps of the backbone's last stage: the trained one where the model goes on there."""

        def see() -> Tensor:
            return self.embed(self.inputs(picture))

        trained = isinstance(getattr(self.model, "network", None), CutBackbone)
        return last_maps(self.model, see) if trained else stage_maps(self._network, see)
