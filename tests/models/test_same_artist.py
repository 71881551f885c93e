"""Verdicts on two encodings, against the formula written out in numpy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tlk.backbones.depths import stage_number
from tlk.backbones.load import load_backbone
from tlk.backbones.stages import find_stages, look
from tlk.models import base
from tlk.models.base import Given
from tlk.models.registry import SameArtistParameters
from tlk.models.same_artist import SameArtist

Train = Callable[..., set[str]]


def built(backbone: str, at: str = "last", **parameters: Any) -> SameArtist:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SameArtist(SameArtistParameters(**parameters), Given((1,), backbone, at)).eval()


def activations(backbone: str, at: str, count: int = 5) -> Tensor:
    """Return what a stage gives for random pictures, as the network gives it."""
    network = load_backbone(backbone)
    stages = find_stages(network)
    pictures = torch.randn(count, *network.pretrained_cfg["input_size"], generator=torch.Generator().manual_seed(4))
    return look(network, stages[stage_number(at, len(stages))], pictures)[0]


def naive(model: SameArtist, first: np.ndarray, second: np.ndarray) -> float:
    """σ(W max |A − B|), the maximum over all places; tokens are places but for the class token."""
    if first.ndim == 2:
        first, second = first[1:].T, second[1:].T  # (c, h·w)
    largest = [np.abs(a - b).max() for a, b in zip(first, second, strict=True)]
    unit: Any = model.verdict[1]
    logit = unit.weight.detach().numpy()[0] @ np.array(largest) + unit.bias.detach().numpy()[0]
    return float(1 / (1 + np.exp(-logit)))


@pytest.mark.parametrize("at", ["middle", "last"])
def test_the_verdict_is_the_formula(backbone: str, at: str) -> None:
    model, given = built(backbone, at), activations(backbone, at)
    embedded = model.embed(given.flatten(1)[:, None])
    queries, gallery = given.numpy()[:2], given.numpy()[2:]
    expected = [[naive(model, query, other) for other in gallery] for query in queries]
    found = torch.sigmoid(model.similarity(embedded[:2], embedded[2:])).detach()
    assert np.ptp(np.array(expected)) > 1e-4
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_it_is_symmetric_and_computed_in_blocks(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = built(tiny)
    embedded = model.embed(activations(tiny, "last").flatten(1)[:, None])
    whole = model.similarity(embedded, embedded)
    torch.testing.assert_close(whole, whole.T)
    monkeypatch.setattr(base, "_BLOCK", 2 * embedded.shape[1])
    torch.testing.assert_close(model.similarity(embedded, embedded), whole)


def test_nothing_but_the_unit_learns_or_is_kept(tiny: str, train: Train) -> None:
    model = built(tiny)
    given = model(activations(tiny, "last").flatten(1))
    assert [tuple(p.shape) for p in model.parameters()] == [(1, 64), (1,)]
    moved = train(model, given, lambda maps: model.compare(maps[:2], maps[2:4]))
    assert moved == set(model.state_dict()) == {"verdict.1.weight", "verdict.1.bias"}


def test_dropout_strikes_channels_in_training_alone(tiny: str) -> None:
    model = built(tiny, dropout=0.9)
    maps = model(activations(tiny, "last").flatten(1))
    assert torch.equal(model.compare(maps[0], maps[1]), model.compare(maps[0], maps[1]))
    model.train()
    torch.manual_seed(0)
    assert len({model.compare(maps[0], maps[1]).item() for _ in range(5)}) > 1


def test_half_precision_maps_will_do(tiny: str) -> None:
    model, given = built(tiny), activations(tiny, "last").flatten(1)
    assert model(given.half()).dtype == torch.float32
    torch.testing.assert_close(model(given.half()), model(given), rtol=1e-2, atol=1e-2)
