"""Adapters on a backbone that is trained: at first what adapters on the frozen one would be, then more."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tlk.backbones.depths import stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import as_maps, find_stages, look
from tlk.models import trained_views
from tlk.models.adapter import Adapter
from tlk.models.base import Given
from tlk.models.registry import AdapterParameters, TunedAdaptersParameters
from tlk.models.tuned_adapters import TunedAdapters
from tlk.seeding import derive_seed

Train = Callable[..., set[str]]
VIEWS = ({"at": "last", "cells": 2}, {"at": "final"}, {"at": "early", "cells": 1})  # early lies below the cut


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained_views, "native_precision", lambda device: torch.float32)


def built(backbone: str, **parameters: Any) -> TunedAdapters:
    settings = {"components": 6, "dropout": 0.0, "views": VIEWS} | parameters
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TunedAdapters(TunedAdaptersParameters.model_validate(settings), Given((1,), backbone, "middle"))


def seen(backbone: str, stage: str, count: int = 12) -> tuple[Tensor, Tensor]:
    """Return the maps of a stage for random pictures, as maps, and the network's own embeddings."""
    network = load_backbone(backbone)
    stages = find_stages(network)
    pictures = torch.randn(count, *network.pretrained_cfg["input_size"], generator=torch.Generator().manual_seed(1))
    output, final = look(network, stages[stage_number(stage, len(stages))], pictures)
    return (output if stage == "middle" else as_maps(output, network)), final


def test_untrained_it_is_adapters_on_the_frozen_backbone(backbone: str) -> None:
    model, middle = built(backbone), seen(backbone, "middle")[0].flatten(1)
    inputs = torch.stack([middle, middle], dim=1)
    model.fit(inputs, 7)
    model.eval()
    outputs = model(middle).chunk(3, dim=1)
    last, final = seen(backbone, "last")
    views = [nn.functional.adaptive_avg_pool2d(last, 2).flatten(1), final]
    for number, view in enumerate(views):
        adapter = Adapter(AdapterParameters(components=6, dropout=0.0), Given((view.shape[1],)))
        adapter.fit(torch.stack([view, view], dim=1), derive_seed(7, "adapter", number))
        expected = nn.functional.normalize(adapter(adapter.reduce(view)), dim=1)
        torch.testing.assert_close(outputs[number] @ outputs[number].T, expected @ expected.T, rtol=1e-3, atol=1e-3)
    assert len(outputs[2]) == len(middle)  # of the cut itself, where the stage named lies below it


def test_parts_have_length_1_and_an_embedding_too(tiny: str) -> None:
    model, middle = built(tiny), seen(tiny, "middle")[0].flatten(1)
    inputs = torch.stack([middle, middle.flip(0)], dim=1)
    model.fit(inputs, 0)
    model.eval()
    for part in model(middle).chunk(model.parts, dim=1):
        torch.testing.assert_close(part.norm(dim=1), torch.ones(len(middle)))
    torch.testing.assert_close(model.embed(inputs).norm(dim=1), torch.ones(len(middle)))


def test_the_backbone_above_the_cut_learns_and_what_was_fitted_stays(tiny: str, train: Train) -> None:
    model, middle = built(tiny), seen(tiny, "middle")[0].flatten(1)
    model.fit(middle[:, None], 0)
    target = torch.randn(len(middle), 18, generator=torch.Generator().manual_seed(2))
    moved = train(model, middle, lambda inputs: model(inputs) - target)
    assert any(name.startswith("network.network.blocks") for name in moved)
    assert "adapters.0.head.weight" in moved
    assert not [name for name in moved if "projection" in name or "mean" in name or "running" in name]


def test_the_adapters_do_not_decay_and_the_backbone_learns_at_its_own_rate(tiny: str) -> None:
    adapters, network = built(tiny, rate=0.25).parameter_groups(0.1)
    assert (adapters["lr"], adapters["weight_decay"], network["lr"]) == (0.1, 0.0, 0.025)
    assert "weight_decay" not in network


def test_a_state_comes_back(tiny: str, train: Train) -> None:
    model, middle = built(tiny), seen(tiny, "middle")[0].flatten(1)
    model.fit(middle[:, None], 0)
    train(model, middle)
    again = built(tiny).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(middle), model(middle))
