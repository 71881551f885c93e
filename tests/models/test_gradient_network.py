"""A network on maps of gradients: blocks pooled in cells, each with an adapter; all of it learns."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models.conftest import Train
from tlk.constants import GRADIENT_MAPS
from tlk.models.base import Given
from tlk.models.gradient_network import Blocks, GradientNetwork
from tlk.models.registry import GradientNetworkParameters

SIZE = math.prod(GRADIENT_MAPS)


def built(seed: int = 0, **parameters: Any) -> GradientNetwork:
    settings = {"components": 6, "dropout": 0.0, "filters": (4, 5), "cells": (3, 2)} | parameters
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GradientNetwork(GradientNetworkParameters.model_validate(settings), Given((SIZE,)))


def some(count: int = 12) -> Tensor:
    return torch.rand(count, SIZE, generator=torch.Generator().manual_seed(1))


def test_a_block_is_convolutions_on_halved_maps_pooled_in_cells() -> None:
    blocks, inputs = Blocks((4, 5), 2, (3, 2)), some(2)
    first, second = blocks.views(inputs)
    assert first.shape == (2, 4 * 9)
    assert second.shape == (2, 5 * 4)
    maps = inputs.unflatten(1, GRADIENT_MAPS)
    first_block, second_block = blocks.blocks
    one = first_block(maps)
    torch.testing.assert_close(first, nn.functional.adaptive_avg_pool2d(one, 3).flatten(1))
    two = second_block(nn.functional.avg_pool2d(one, 2))
    torch.testing.assert_close(second, nn.functional.adaptive_avg_pool2d(two, 2).flatten(1))


def test_random_weights_keep_the_spread_of_the_maps() -> None:
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(0)
        blocks = Blocks((64, 64), 2, (6, 4))
        maps = torch.randn(8, *GRADIENT_MAPS)
        for block in blocks.blocks:
            maps = block(maps)
            assert 0.4 < float(maps.square().mean().sqrt()) < 1.6


def test_parts_have_length_1_and_an_embedding_too() -> None:
    model, inputs = built(), some()
    both = torch.stack([inputs, inputs.flip(0)], dim=1)
    model.fit(both, 0)
    model.eval()
    for part in model(inputs).chunk(model.parts, dim=1):
        torch.testing.assert_close(part.norm(dim=1), torch.ones(len(inputs)))
    torch.testing.assert_close(model.embed(both).norm(dim=1), torch.ones(len(inputs)))


def test_convolutions_and_adapters_learn_and_what_was_fitted_stays(train: Train) -> None:
    model, inputs = built(), some()
    model.fit(inputs[:, None], 0)
    target = torch.randn(len(inputs), 12, generator=torch.Generator().manual_seed(2))
    moved = train(model, inputs, lambda given: model(given) - target)
    assert {"network.blocks.0.0.weight", "network.blocks.1.2.weight", "adapters.1.head.weight"} <= moved
    assert not [name for name in moved if "projection" in name or "mean" in name]


def test_its_weights_are_drawn_and_come_back() -> None:
    model, inputs = built(), some()
    model.fit(inputs[:, None], 0)
    again = built(seed=1)
    assert not torch.equal(
        again.state_dict()["network.blocks.0.0.weight"], model.state_dict()["network.blocks.0.0.weight"]
    )
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.eval()(inputs), model.eval()(inputs))


def test_the_convolutions_learn_at_their_own_rate() -> None:
    adapters, network = built(rate=2.0).parameter_groups(0.1)
    assert (adapters["lr"], network["lr"]) == (0.1, 0.2)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cells": (4,)}, "as many cells as filters"),
        ({"filters": (4,) * 6, "cells": (1,) * 6}, "block 6 gives maps of 0"),
        ({"cells": (24, 24)}, "block 2 gives maps of 12 × 12, not to be pooled in 24"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GradientNetworkParameters.model_validate(parameters)
