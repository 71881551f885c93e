"""The stages of networks of very different build: found, turned into maps, trained from."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tlk.backbones.load import load_backbone
from tlk.backbones.stages import as_maps, find_stages, look, output_of, train_from
from tlk.errors import UserError

MAPS = torch.arange(2 * 5 * 4 * 4, dtype=torch.float32).reshape(2, 5, 4, 4)


@pytest.fixture
def network(backbone_folder: Any) -> Any:
    """Each of the tiny networks."""
    return load_backbone(f"local-dir:{backbone_folder}")


def test_stages_stand_in_the_order_of_the_forward_pass_without_the_stem(network: Any) -> None:
    passed: list[nn.Module] = []
    stages = find_stages(network)
    for stage in stages:
        stage.register_forward_hook(lambda module, inputs, output: passed.append(module))
    network(torch.zeros(1, 3, 160, 160))
    assert [id(stage) for stage in passed] == [id(stage) for stage in stages]
    assert len(stages) in (4, 5, 6)


def test_maps_shrink_from_stage_to_stage(network: Any) -> None:
    pictures = torch.randn(2, 3, 160, 160)
    sides = [as_maps(look(network, stage, pictures)[0], network).shape for stage in find_stages(network)]
    assert all(b == 2 and height == width for b, _, height, width in sides)
    assert sorted([s[2] for s in sides], reverse=True) == [s[2] for s in sides]
    assert sides[-1][2] in (5, 10)


def test_a_list_of_modules_stands_for_its_last() -> None:
    last = nn.Linear(1, 1)
    model = SimpleNamespace(blocks=nn.ModuleList([nn.Linear(1, 1), nn.ModuleList([nn.Linear(1, 1), last])]))
    assert find_stages(model)[-1] is last


@pytest.mark.parametrize("model", [nn.Linear(2, 2), "names what is not there"])
def test_a_network_that_does_not_say_its_stages_is_refused(model: Any) -> None:
    if isinstance(model, str):
        model = nn.Linear(2, 2)
        model.feature_info = [{"module": "stage1", "reduction": 4}]
    with pytest.raises(UserError, match="backbone of class Linear does not say what its stages are"):
        find_stages(model)


def test_maps_stay_and_channels_last_are_put_first() -> None:
    assert torch.equal(as_maps(MAPS, None), MAPS)
    assert torch.equal(as_maps(MAPS.permute(0, 2, 3, 1), None), MAPS)
    square = MAPS[:, :4]  # as many channels as cells a side: the network has to say
    assert torch.equal(as_maps(square.permute(0, 2, 3, 1), SimpleNamespace(output_fmt="NHWC")), square)
    assert torch.equal(as_maps(square, None), square)


@pytest.mark.parametrize("prefix", [0, 1, 5])
def test_tokens_are_laid_out_in_rows_without_those_that_stand_for_no_place(prefix: int) -> None:
    tokens = torch.cat([torch.full((2, prefix, 5), 1e6), MAPS.flatten(2).transpose(1, 2)], dim=1)
    assert torch.equal(as_maps(tokens, None), MAPS)


def test_a_grid_that_is_not_square_is_the_networks_own() -> None:
    model = SimpleNamespace(patch_embed=SimpleNamespace(grid_size=(2, 8)))
    tokens = MAPS.flatten(2).transpose(1, 2)
    assert torch.equal(as_maps(tokens, model), MAPS.reshape(2, 5, 2, 8))


@pytest.mark.parametrize("output", [(MAPS, MAPS), None, torch.zeros(2, 7)], ids=["tuple", "nothing", "vector"])
def test_what_is_neither_maps_nor_tokens_is_said(output: object) -> None:
    with pytest.raises(ValueError, match="neither maps nor tokens"):
        as_maps(output, None)


def test_look_gives_a_stage_and_the_whole_and_leaves_no_hook(network: Any) -> None:
    stage, pictures = find_stages(network)[1], torch.randn(2, 3, 160, 160)
    kept: list[Tensor] = []
    handle = stage.register_forward_hook(lambda module, inputs, output: kept.append(output))
    final = network(pictures)
    handle.remove()
    seen = look(network, stage, pictures)
    torch.testing.assert_close(seen, (kept[0], final))
    assert not stage._forward_hooks
    assert not seen[0].requires_grad


def test_training_from_a_stage_takes_it_and_all_behind() -> None:
    network = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)), nn.Linear(1, 1))

    def learning(first: nn.Module | None) -> list[bool]:
        train_from(network, first)
        return [p.requires_grad for p in network.parameters()][::2]

    assert learning(network[1]) == [False, True, True, True]
    assert learning(network[1][1]) == [False, False, True, True]  # what was free before is frozen again
    assert learning(network) == [True] * 4
    assert learning(None) == [False] * 4


def test_output_of_a_size(network: Any) -> None:
    assert output_of(network, "mine", 160).shape == network(torch.zeros(1, 3, 160, 160)).shape


def test_a_size_that_it_does_not_take_is_said() -> None:
    with pytest.raises(UserError, match=r"backbone mine takes no pictures of 2 pixels: .*\nset pixels.size"):
        output_of(nn.Conv2d(3, 1, 5), "mine", 2)
