"""Layers that several models are made of."""

import pytest
import torch
from torch import nn

from tlk.models.layers import activation, decoder, dense_layers


@pytest.mark.parametrize(("name", "of_minus_one"), [("leaky_relu", -0.3), ("relu", 0.0)])
def test_activations(name: str, of_minus_one: float) -> None:
    assert activation(name)(torch.tensor([-1.0, 2.0])).tolist() == pytest.approx([of_minus_one, 2])


def test_dense_layers_have_relu_between_them_alone() -> None:
    layers = dense_layers(6, (5, 4, 3))
    assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert [tuple(p.shape) for p in layers.parameters() if p.ndim == 2] == [(5, 6), (4, 5), (3, 4)]


def test_no_dense_layers_change_nothing() -> None:
    inputs = torch.randn(2, 6)
    assert torch.equal(dense_layers(6, ())(inputs), inputs)


@pytest.mark.parametrize("doublings", [0, 1, 3])
def test_a_decoder_doubles_the_side_and_ends_in_logits(doublings: int) -> None:
    layers = decoder(5, 4, doublings, 2, "relu")
    nn.init.constant_(layers[-1].bias, -9.0)
    outputs = layers(torch.randn(1, 5, 3, 3))
    assert outputs.shape == (1, 2, 3 * 2**doublings, 3 * 2**doublings)
    assert len([layer for layer in layers if isinstance(layer, nn.ConvTranspose2d)]) == doublings
    assert isinstance(layers[-1], nn.Conv2d)  # no activation behind it: the loss takes logits
    assert (outputs < 0).any()
