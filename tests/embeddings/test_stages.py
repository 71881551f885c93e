"""Stages: maps, maps with channels last and tokens are pooled alike; what cannot be pooled is said."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tlk.embeddings.schema import ViewOfBackbone
from tlk.embeddings.stages import tap_stages

MAPS = torch.arange(2 * 3 * 4 * 4, dtype=torch.float32).reshape(2, 3, 4, 4)


class Network(nn.Module):
    """Two blocks; each gives what it is told to."""

    def __init__(self, output: object) -> None:
        super().__init__()
        self.output = output
        self.blocks = nn.ModuleList([Block(self), Block(self)])

    def forward(self, inputs: Tensor) -> Tensor:
        for block in self.blocks:
            block(inputs)
        return inputs


class Block(nn.Module):
    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = [network]  # in a list, so that it is no submodule

    def forward(self, inputs: Tensor) -> object:
        return self.network[0].output


def pooled(output: object, cells: int = 2) -> np.ndarray:
    network = Network(output)
    tap = tap_stages(network, [ViewOfBackbone(at="last", cells=cells)])[0]
    final = network(torch.zeros(2, 7))
    return tap.pool(final).numpy()


def test_cells_of_maps() -> None:
    expected = MAPS.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2)).flatten(1).numpy()
    np.testing.assert_allclose(pooled(MAPS), expected)


def test_channels_last_and_tokens_give_the_same() -> None:
    expected = pooled(MAPS)
    np.testing.assert_allclose(pooled(MAPS.permute(0, 2, 3, 1)), expected)
    tokens = MAPS.flatten(2).transpose(1, 2)  # (b, h·w, c)
    np.testing.assert_allclose(pooled(tokens), expected)
    prefix = torch.full((2, 5, 3), 1e6)  # a class token and registers say nothing about places
    np.testing.assert_allclose(pooled(torch.cat([prefix, tokens], dim=1)), expected)


@pytest.mark.parametrize("output", [(MAPS, MAPS), None, torch.zeros(2, 7)], ids=["tuple", "nothing", "vector"])
def test_what_cannot_be_pooled_is_said(output: object) -> None:
    with pytest.raises(ValueError, match="neither maps nor tokens"):
        pooled(output)


def test_an_activation_is_not_kept_for_the_next_pass() -> None:
    network = Network(MAPS)
    tap = tap_stages(network, [ViewOfBackbone(at="last")])[0]
    tap.pool(network(torch.zeros(2, 7)))
    with pytest.raises(ValueError, match="neither"):
        tap.pool(torch.zeros(2, 7))


@pytest.mark.parametrize("output", [MAPS, MAPS.flatten(2).transpose(1, 2)], ids=["maps", "tokens"])
def test_maps_kept_whole_are_as_the_network_gave_them(output: Tensor) -> None:
    network = Network(output)
    tap = tap_stages(network, [ViewOfBackbone(at="last", maps=True)])[0]
    assert torch.equal(tap.pool(network(torch.zeros(2, 7))), output.flatten(1))


def test_one_stage_pooled_and_whole_is_two_views() -> None:
    views = [ViewOfBackbone(at="last"), ViewOfBackbone(at="last", maps=True), ViewOfBackbone(at=1.0, cells=1)]
    assert [tap.name for tap in tap_stages(Network(MAPS), views)] == ["stage 2 of 2, 1x1", "stage 2 of 2, whole"]
