"""What lies above a stage: fed with the stage's own maps it is the whole network, and nothing below it learns."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tlk.backbones.depths import DEPTHS, stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import find_stages, look
from tlk.errors import UserError
from tlk.models import cut
from tlk.models.base import Given
from tlk.models.registry import TailParameters
from tlk.models.tail import Tail

Train = Callable[..., set[str]]
STAGES = [*DEPTHS, 0.3]


def built(backbone: str, at: str | float = "middle", **parameters: Any) -> Tail:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Tail(TailParameters(**parameters), Given((1,), backbone, at))


def seen(backbone: str, at: str | float, count: int = 3) -> tuple[Tensor, Tensor]:
    """Return the maps of a stage, laid out flat, and the network's own embedding of the same pictures."""
    network = load_backbone(backbone)
    stages = find_stages(network)
    pictures = torch.randn(count, *network.pretrained_cfg["input_size"], generator=torch.Generator().manual_seed(1))
    maps, final = look(network, stages[stage_number(at, len(stages))], pictures)
    return maps.flatten(1), final


def names_above(backbone: str, at: str | float) -> set[str]:
    """Return the parameters that the gradient reaches when it is stopped behind the stage."""
    network = load_backbone(backbone).requires_grad_(True)
    stages = find_stages(network)
    stages[stage_number(at, len(stages))].register_forward_hook(lambda module, inputs, output: output.detach())
    output = network(torch.randn(1, *network.pretrained_cfg["input_size"]))
    if output.requires_grad:
        output.square().sum().backward()
    return {name for name, p in network.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("at", STAGES)
def test_it_makes_of_a_stages_maps_what_the_whole_network_makes(backbone: str, at: str | float) -> None:
    model = built(backbone, at, dimensions=7).eval()
    maps, final = seen(backbone, at)
    assert not torch.allclose(final[0], final[1], rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(model(maps), nn.functional.normalize(model.head(final)), rtol=1e-3, atol=1e-5)
    assert model(maps).shape == (3, 7)
    longer = built(backbone, at, dimensions=7, unit_length=False).eval()
    torch.testing.assert_close(longer(maps), longer.head(final), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("at", STAGES)
def test_what_learns_is_what_the_gradient_reaches_above_the_cut(backbone: str, at: str | float) -> None:
    model = built(backbone, at)
    above = names_above(backbone, at)
    assert {name for name, p in model.network.network.named_parameters() if p.requires_grad} == above
    model(seen(backbone, at, 2)[0]).square().sum().backward()
    assert {name for name, p in model.network.network.named_parameters() if p.grad is not None} == above


def test_nothing_else_moves_in_training(backbone: str, train: Train) -> None:
    model = built(backbone)
    moved = train(model, seen(backbone, "middle")[0])
    assert moved == {f"network.network.{name}" for name in names_above(backbone, "middle")} | {
        "head.1.weight",
        "head.1.bias",
    }


def test_batch_norm_keeps_its_statistics_though_its_weights_learn(tiny: str, train: Train) -> None:
    model = built(tiny)
    norms = [m for m in model.network.modules() if isinstance(m, nn.modules.batchnorm._NormBase)]
    moved = train(model, seen(tiny, "middle")[0])
    model.train()
    assert not any(norm.training for norm in norms)
    assert not [name for name in moved if "running" in name or "tracked" in name]
    assert [name for name in moved if ".bn" in name]


def test_frozen_trains_the_head_alone(backbone: str, train: Train) -> None:
    model = built(backbone, frozen=True)
    assert [group["lr"] for group in model.parameter_groups(0.1)] == [0.1]
    assert train(model, seen(backbone, "middle")[0]) == {"head.1.weight", "head.1.bias"}


def test_above_the_last_stage_of_some_there_is_the_head_alone(backbone: str) -> None:
    groups = built(backbone, "last").parameter_groups(0.1)
    assert len(groups) == (2 if names_above(backbone, "last") else 1)


def test_the_networks_layers_learn_at_their_own_rate(tiny: str) -> None:
    model = built(tiny, rate=0.25)
    head, network = model.parameter_groups(0.1)
    assert [p.shape for p in head["params"]] == [(256, 256), (256,)]
    assert (head["lr"], network["lr"]) == (0.1, 0.025)
    assert len(network["params"]) == len(names_above(tiny, "middle"))


def test_dropout_strikes_only_in_training(tiny: str) -> None:
    model, (maps, _) = built(tiny, dropout=0.5), seen(tiny, "middle")
    assert not torch.equal(model(maps), model(maps))
    model.eval()
    assert torch.equal(model(maps), model(maps))


def test_half_precision_maps_and_any_batch_will_do(backbone: str) -> None:
    model, (maps, _) = built(backbone).eval(), seen(backbone, "middle", 5)
    torch.testing.assert_close(model(maps.half()), model(maps), rtol=0.05, atol=0.02)
    torch.testing.assert_close(torch.cat([model(maps[:1]), model(maps[1:])]), model(maps), rtol=1e-3, atol=1e-5)


def test_a_state_holds_the_layers_above_the_cut_and_comes_back(tiny: str, train: Train) -> None:
    model, (maps, _) = built(tiny), seen(tiny, "middle")
    train(model, maps)
    again = built(tiny, frozen=True).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(maps), model(maps))
    assert not [
        name
        for name in model.state_dict()
        if name.startswith(("network.network.blocks.0", "network.network.blocks.2."))
    ]


class Around(nn.Module):
    """A network with a way around its stages, straight from the picture."""

    pretrained_cfg = {"input_size": (3, 8, 8)}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.blocks(inputs) + inputs
        return outputs.mean((-1, -2))


def test_a_backbone_that_cannot_be_cut_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "load_backbone", lambda name: Around().requires_grad_(False).eval())
    with pytest.raises(UserError, match="backbone around cannot be cut at this stage"):
        built("around")
