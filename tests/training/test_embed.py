"""Embeddings of many images: all of them, in order, in evaluation mode."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tlk.models.base import Model
from tlk.training import embed as module
from tlk.training.embed import embed_images
from tlk.training.examples import Examples


class Dropped(Model):
    """Strikes out half of what it is given in training, and counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.passes: list[int] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.passes.append(len(inputs))
        outputs: Tensor = self.dropout(inputs)
        return outputs


@pytest.mark.parametrize("training", [True, False])
def test_numbered_images_are_embedded_in_evaluation_mode(
    embedded: Callable[..., Examples], accelerator: Accelerator, monkeypatch: pytest.MonkeyPatch, training: bool
) -> None:
    monkeypatch.setattr(module, "_BLOCK_ON_CPU", 16)
    inputs, model = embedded(30).inputs, Dropped().train(training)
    images = np.array([59, 3, 3, *range(40)])
    found = embed_images(model, inputs, images, accelerator)
    assert torch.equal(found, model.eval().embed(inputs.whole(images)))
    assert model.passes[:3] == [32, 32, 22]  # blocks of 16 images in two orientations
    assert not found.requires_grad


def test_the_model_goes_back_to_training(embedded: Callable[..., Examples], accelerator: Accelerator) -> None:
    for training in (True, False):
        model = Dropped().train(training)
        embed_images(model, embedded(4).inputs, np.arange(4), accelerator)
        assert model.training == training
