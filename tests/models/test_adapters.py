"""Adapters side by side: each is the one that it would be alone, and the similarity is their mean."""

import pytest
import torch
from torch import nn

from tlk.errors import UserError
from tlk.models.adapter import Adapter
from tlk.models.adapters import Adapters
from tlk.models.base import Given
from tlk.models.registry import AdapterParameters, AdaptersParameters
from tlk.seeding import derive_seed

GIVEN = Given((4, 6, 3), places=(0, 1, 2))
WIDTHS = {"components": 5, "dropout": 0.0}


def inputs(n: int = 40, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 2, 13, generator=torch.Generator().manual_seed(seed))


def fitted(*groups: tuple[int, ...]) -> Adapters:
    model = Adapters(AdaptersParameters(groups=groups, **WIDTHS), GIVEN)
    model.fit(inputs(), 7)
    for adapter in model.adapters:
        nn.init.normal_(adapter.head.weight, generator=torch.Generator().manual_seed(1))  # type: ignore[union-attr, arg-type]
    return model.eval()


def alone(model: Adapters, number: int, columns: list[int], sizes: tuple[int, ...]) -> Adapter:
    adapter = Adapter(AdapterParameters(**WIDTHS), Given(sizes))
    adapter.fit(inputs()[..., columns], derive_seed(7, "adapter", number))
    adapter.head.load_state_dict(model.adapters[number].head.state_dict())  # type: ignore[union-attr, arg-type]
    return adapter.eval()


def test_without_groups_each_view_has_an_adapter() -> None:
    model = fitted()
    assert model.parts == 3
    assert model.reduce(inputs()).shape == (40, 2, 15)
    torch.testing.assert_close(model.embed(model.reduce(inputs())).norm(dim=1), torch.ones(40))


def test_the_similarity_is_the_mean_of_what_each_would_say_alone() -> None:
    model, fresh = fitted((2, 0), (1,)), inputs(9, seed=3)
    embeddings = model.embed(model.reduce(fresh))
    parts = [
        alone(model, 0, [10, 11, 12, 0, 1, 2, 3], (3, 4)).embed,
        alone(model, 1, [4, 5, 6, 7, 8, 9], (6,)).embed,
    ]
    reduced = model.reduce(fresh).chunk(2, dim=-1)
    cosines = [embed(part) @ embed(part).T for embed, part in zip(parts, reduced, strict=True)]
    torch.testing.assert_close(embeddings @ embeddings.T, sum(cosines) / 2)


def test_the_parts_of_an_output_have_length_1() -> None:
    model = fitted()
    outputs = model(model.reduce(inputs())[:, 0])
    for part in outputs.chunk(3, dim=-1):
        torch.testing.assert_close(part.norm(dim=1), torch.ones(40))


def test_a_group_of_views_that_are_not_there() -> None:
    with pytest.raises(UserError, match="no view 3\nthe 3 views count from 0 to 2"):
        Adapters(AdaptersParameters(groups=((0,), (1, 3))), GIVEN)
    with pytest.raises(ValueError, match="one view at least"):
        AdaptersParameters(groups=((),))


def test_those_in_closed_form_have_an_equal_say() -> None:
    learned, both = fitted(), Adapters(AdaptersParameters(closed_form=True, **WIDTHS), GIVEN)
    both.fit(inputs(), 7)
    both.adapters.load_state_dict(learned.adapters.state_dict())
    both.eval()
    fresh = inputs(9, seed=3)
    reduced = both.reduce(fresh)
    assert both(reduced).shape == (9, 2, 15)  # what a loss sees
    embeddings = both.embed(reduced)
    assert embeddings.shape == (9, 30)
    half = learned.embed(learned.reduce(fresh))
    whitened = nn.functional.normalize(reduced[..., 15:].unflatten(-1, (3, 5)), dim=-1).mean(dim=1)
    other = nn.functional.normalize(whitened, dim=-1).flatten(1) / 3**0.5
    torch.testing.assert_close(embeddings @ embeddings.T, (half @ half.T + other @ other.T) / 2)


def test_views_that_are_one_in_a_shallow_backbone() -> None:
    given = Given((4, 6), places=(0, 1, 1))
    model = Adapters(AdaptersParameters(groups=((0,), (1, 2), (2,)), **WIDTHS), given)
    assert model.groups == ((0,), (1,), (1,))
    model.fit(inputs()[..., :10], 0)
    assert model.embed(model.reduce(inputs()[..., :10])).shape == (40, 15)
