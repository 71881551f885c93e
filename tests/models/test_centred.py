"""The model that learns nothing."""

import numpy as np
import pytest
import torch

from tlk.models.base import Given
from tlk.models.centred import Centred
from tlk.models.registry import CentredParameters

SIZES = (3, 5)


def features(n: int = 6, orientations: int = 2, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(n, orientations, sum(SIZES), generator=random) * torch.linspace(1, 9, sum(SIZES)) + 4


def fitted() -> Centred:
    head = Centred(CentredParameters(), Given(SIZES))
    head.fit(features(), seed=0)
    return head


def test_reduce_is_each_view_centred_and_at_length_1() -> None:
    data = features().numpy()
    centred = data - data.reshape(-1, 8).mean(axis=0)
    parts = [centred[..., :3], centred[..., 3:]]
    expected = np.concatenate([part / np.linalg.norm(part, axis=-1, keepdims=True) for part in parts], axis=-1)
    assert np.allclose(fitted().reduce(features()), expected, atol=1e-6)


def test_every_view_weighs_alike_in_the_cosine() -> None:
    head = fitted()
    reduced = head.reduce(features(orientations=1))
    embedded = head.embed(reduced)
    views = [part[:, 0] @ part[:, 0].T for part in reduced.split(SIZES, dim=-1)]
    assert torch.allclose(embedded @ embedded.T, (views[0] + views[1]) / 2, atol=1e-6)


def test_embeddings_are_unit_means_over_the_orientations() -> None:
    head = fitted()
    reduced = head.reduce(features())
    embedded = head.embed(reduced)
    assert embedded.shape == (6, 8)
    assert torch.allclose(embedded.norm(dim=1), torch.ones(6))
    expected = torch.nn.functional.normalize(reduced[:, 0] + reduced[:, 1], dim=1)
    assert torch.allclose(embedded, expected, atol=1e-6)
    assert torch.allclose(embedded, head.embed(reduced.flip(1)), atol=1e-6)  # the order does not matter


def test_forward_changes_nothing_and_there_is_nothing_to_learn() -> None:
    head = fitted()
    assert torch.equal(head(features()), features())
    assert list(head.parameters()) == []


def test_the_state_comes_back() -> None:
    head, again = fitted(), Centred(CentredParameters(), Given(SIZES))
    again.load_state_dict(head.state_dict())
    assert torch.equal(again.reduce(features(seed=1)), head.reduce(features(seed=1)))


@pytest.mark.parametrize("data", [torch.ones(4, 2, 8), torch.zeros(1, 1, 8)])
def test_constant_features_give_no_nan(data: torch.Tensor) -> None:
    head = Centred(CentredParameters(), Given(SIZES))
    head.fit(data, seed=0)
    assert torch.isfinite(head.embed(head.reduce(data))).all()
