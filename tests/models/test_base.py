"""Embeddings over orientations, and similarities in blocks: both are what the naive way gives."""

import pytest
import torch
from torch import Tensor

from tlk.models import base
from tlk.models.base import Model, Verdict, as_floats


class Doubled(Model):
    """Embeds by doubling."""

    def forward(self, inputs: Tensor) -> Tensor:
        return 2 * inputs.flatten(1)


class Distance(Verdict):
    """Judges by minus the largest difference; notes how large its blocks were."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[int] = []

    def forward(self, inputs: Tensor) -> Tensor:
        return 2 * inputs

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        difference = (first - second).abs()
        self.blocks.append(difference.numel())
        return -difference.amax(dim=-1)


def vectors(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_an_embedding_is_the_unit_mean_of_its_unit_orientations() -> None:
    inputs = vectors(5, 2, 3) * torch.tensor([[1.0], [100.0]])  # a long orientation weighs no more than a short one
    unit = inputs / inputs.norm(dim=-1, keepdim=True)
    mean = unit.sum(dim=1)
    torch.testing.assert_close(Doubled().embed(inputs), mean / mean.norm(dim=-1, keepdim=True))


def test_orientations_of_pixels_are_embedded_one_by_one() -> None:
    pixels = vectors(4, 2, 3, 5, 5)
    torch.testing.assert_close(Doubled().embed(pixels), Doubled().embed(pixels.flatten(2)))


def test_a_verdicts_embedding_keeps_its_length() -> None:
    inputs = vectors(5, 2, 3)
    torch.testing.assert_close(Distance().embed(inputs), 2 * inputs.mean(dim=1))


def test_similarity_is_the_cosine_of_unit_embeddings() -> None:
    model = Doubled()
    queries, gallery = model.embed(vectors(4, 1, 3)), model.embed(vectors(6, 1, 3, seed=1))
    expected = torch.nn.functional.cosine_similarity(queries[:, None], gallery[None], dim=-1)
    torch.testing.assert_close(model.similarity(queries, gallery), expected)
    torch.testing.assert_close(model.compare(queries[:, None], gallery[None]), expected)


@pytest.mark.parametrize("block", [1, 3, 7, 12, 13, 24, 1000])
def test_learned_similarities_in_blocks_are_those_of_the_broadcast(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_BLOCK", block)
    model, queries, gallery = Distance(), vectors(5, 3), vectors(7, 3, seed=1)
    found = model.similarity(queries, gallery)
    assert max(model.blocks) <= max(block, 3)  # one pair is the least that there is
    assert sum(model.blocks) == 5 * 7 * 3
    assert torch.equal(found, -(queries[:, None] - gallery[None]).abs().amax(dim=-1))


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (1, 1)])
@pytest.mark.parametrize("model", [Doubled(), Distance()], ids=["cosine", "learned"])
def test_few_or_no_images(model: Model, n: int, m: int) -> None:
    assert model.similarity(vectors(n, 3), vectors(m, 3)).shape == (n, m)


def test_parameter_groups_hold_what_learns() -> None:
    model = Doubled()
    model.fixed = torch.nn.Linear(2, 2).requires_grad_(False)
    model.free = torch.nn.Linear(2, 2)
    (group,) = model.parameter_groups(0.5)
    assert [id(p) for p in group["params"]] == [id(p) for p in model.free.parameters()]
    assert group["lr"] == 0.5


def test_pixels_become_floats_from_0_to_1() -> None:
    assert as_floats(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0, 0.2, 1])
