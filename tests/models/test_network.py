"""A whole backbone from pixels: below the first trained stage nothing moves; from scratch everything does."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tlk.backbones.depths import DEPTHS, stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import find_stages
from tlk.errors import UserError
from tlk.models.base import Given
from tlk.models.network import Network
from tlk.models.registry import NetworkParameters

Train = Callable[..., set[str]]
SIDE = 64
HEAD = {"head.1.weight", "head.1.bias"}


def built(backbone: str, trained_from: str = "last", side: int = SIDE, **parameters: Any) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        chosen = NetworkParameters(backbone=backbone, trained_from=trained_from, **parameters)
        return Network(chosen, Given(channels=3, side=side))


def pixels(count: int = 4, side: int = SIDE) -> Tensor:
    random = torch.Generator().manual_seed(2)
    return torch.randint(256, (count, 3, side, side), dtype=torch.uint8, generator=random)


def names_from(backbone: str, at: str) -> set[str]:
    """Return the parameters that the gradient reaches when it is stopped before the stage."""
    network = load_backbone(backbone).requires_grad_(True)
    stages = find_stages(network)
    stage = stages[stage_number(at, len(stages))]
    stage.register_forward_pre_hook(lambda module, inputs: (inputs[0].detach(), *inputs[1:]))
    network(torch.randn(2, 3, SIDE, SIDE)).square().sum().backward()
    return {f"network.{name}" for name, p in network.named_parameters() if p.grad is not None}


def statistics(model: nn.Module) -> set[str]:
    return {name for name, _ in model.named_buffers() if "running" in name or "num_batches" in name}


def test_the_output_is_the_networks_own_embedding_through_one_layer(backbone: str) -> None:
    model, network = built(backbone, dimensions=5).eval(), load_backbone(backbone)
    mean, deviation = (torch.tensor(network.pretrained_cfg[key]).view(3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        expected = model.head[1](network((pixels() / 255 - mean) / deviation))
        torch.testing.assert_close(model(pixels()), nn.functional.normalize(expected), rtol=1e-3, atol=1e-5)
    assert expected.shape == (4, 5)


@pytest.mark.parametrize("trained_from", DEPTHS)
def test_from_the_stage_upward_is_what_the_gradient_reaches(backbone: str, trained_from: str) -> None:
    model = built(backbone, trained_from)
    learning = {name for name, p in model.named_parameters() if p.requires_grad}
    assert learning == names_from(backbone, trained_from) | HEAD


def test_below_the_first_trained_stage_nothing_moves(backbone: str, train: Train) -> None:
    model = built(backbone, "late")
    assert train(model, pixels()) == names_from(backbone, "late") | HEAD  # and no statistic at all


def test_what_does_not_learn_is_never_in_training_mode(backbone: str) -> None:
    """Dropout or stochastic depth below the first trained stage would blur what is taken as given."""
    model = built(backbone, "last")
    first, *_, last = find_stages(model.network)
    assert model.train().training
    assert last.training
    assert not first.training
    assert not model.eval().head.training
    assert model.train().head.training


def test_from_the_input_all_layers_learn_and_pretrained_statistics_stay(tiny: str, train: Train) -> None:
    model = built(tiny, "input")
    assert statistics(model)
    assert train(model, pixels()) == {name for name, _ in model.named_parameters()}


def test_frozen_trains_the_head_alone(backbone: str, train: Train) -> None:
    assert train(built(backbone, "input", frozen=True), pixels()) == HEAD


def test_without_pretrained_weights_everything_moves(tiny: str, train: Train) -> None:
    model = built(tiny, "input", pretrained=False)
    moved = train(model, pixels())
    assert moved == {name for name, _ in model.named_parameters()} | statistics(model)
    assert statistics(model)


def test_without_pretrained_weights_they_are_drawn(tiny: str) -> None:
    drawn, loaded = built(tiny, "input", pretrained=False), load_backbone(tiny)
    name, weight = next(iter(loaded.named_parameters()))
    assert not torch.equal(dict(drawn.network.named_parameters())[name], weight)


def test_the_backbone_learns_at_its_own_rate(tiny: str) -> None:
    head, network = built(tiny, rate=0.25).parameter_groups(0.1)
    assert (head["lr"], network["lr"]) == (0.1, 0.025)
    assert len(network["params"]) == len(names_from(tiny, "last"))


@pytest.mark.parametrize(("name", "side"), [("test_vit", 50), ("test_convnext", 8)])
def test_a_size_that_the_backbone_does_not_take_is_said(name: str, side: int) -> None:
    with pytest.raises(UserError, match=f"backbone {name} takes no pictures of {side} pixels: .*\nset pixels.size"):
        built(name, "input", side, pretrained=False)
