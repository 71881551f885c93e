"""Stages: maps, maps with channels last and tokens are pooled alike; what cannot be pooled is said."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tlk.embeddings.schema import ViewOfBackbone
from tlk.embeddings.stages import tap_stages
from tlk.errors import UserError

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
    (tap,), _ = tap_stages(network, [ViewOfBackbone(at="last", cells=cells)])
    final = network(torch.zeros(2, 7))
    return tap.pool(final).numpy()


def test_cells_of_maps() -> None:
    expected = MAPS.unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2)).flatten(1).numpy()
    np.testing.assert_allclose(pooled(MAPS), expected)


@pytest.mark.parametrize("cells", [1, 2])
def test_deviations_of_each_channel(cells: int) -> None:
    network = Network(MAPS)
    (tap,), _ = tap_stages(network, [ViewOfBackbone(at="last", cells=cells, pool="deviation")])
    side = 4 // cells
    parts = MAPS.unfold(2, side, side).unfold(3, side, side).flatten(4)
    expected = parts.std(dim=-1, correction=0).flatten(1).numpy()
    np.testing.assert_allclose(tap.pool(network(torch.zeros(2, 7))).numpy(), expected, rtol=1e-4)


def test_mean_and_deviation_of_one_stage_are_two_views() -> None:
    views = [ViewOfBackbone(at="last"), ViewOfBackbone(at="last", pool="deviation")]
    assert [tap.name for tap in tap_stages(Network(MAPS), views)[0]] == [
        "stage 2 of 2, 1x1",
        "stage 2 of 2, 1x1 deviation",
    ]


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
    (tap,), _ = tap_stages(network, [ViewOfBackbone(at="last")])
    tap.pool(network(torch.zeros(2, 7)))
    with pytest.raises(ValueError, match="neither"):
        tap.pool(torch.zeros(2, 7))


@pytest.mark.parametrize("output", [MAPS, MAPS.flatten(2).transpose(1, 2)], ids=["maps", "tokens"])
def test_maps_kept_whole_are_as_the_network_gave_them(output: Tensor) -> None:
    network = Network(output)
    (tap,), _ = tap_stages(network, [ViewOfBackbone(at="last", maps=True)])
    assert torch.equal(tap.pool(network(torch.zeros(2, 7))), output.flatten(1))


def test_one_stage_pooled_and_whole_is_two_views() -> None:
    views = [ViewOfBackbone(at="last"), ViewOfBackbone(at="last", maps=True), ViewOfBackbone(at=1.0, cells=1)]
    assert [tap.name for tap in tap_stages(Network(MAPS), views)[0]] == ["stage 2 of 2, 1x1", "stage 2 of 2, whole"]


class Wide(nn.Module):
    """A stage that widens and narrows again."""

    def __init__(self) -> None:
        super().__init__()
        self.widen = nn.Conv2d(3, 5, 1)
        self.narrow = nn.Conv2d(5, 2, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        self.seen = self.widen(inputs)
        narrow: Tensor = self.narrow(self.seen)
        return nn.functional.pad(narrow, (0, 0, 0, 0, 0, 1))


def test_the_inside_of_a_stage_is_what_its_last_layer_gets() -> None:
    network = nn.Module()
    network.blocks = nn.Sequential(Wide(), Wide())
    views = [ViewOfBackbone(at="last", cells=2, inside=True), ViewOfBackbone(at="last", cells=2)]
    (inside, outside), _ = tap_stages(network, views)
    assert (inside.name, outside.name) == ("stage 2 of 2 inside, 2x2", "stage 2 of 2, 2x2")
    final = network.blocks(MAPS)
    expected = nn.functional.adaptive_avg_pool2d(network.blocks[1].seen, 2).flatten(1)  # type: ignore[union-attr, arg-type]
    torch.testing.assert_close(inside.pool(final), expected)
    assert outside.pool(final).shape == (2, 3 * 4)


def test_a_stage_without_layers_has_no_inside() -> None:
    with pytest.raises(UserError, match="view stage 2 of 2 inside, 1x1: the stage has no layer"):
        tap_stages(Network(MAPS), [ViewOfBackbone(at="last", inside=True)])
