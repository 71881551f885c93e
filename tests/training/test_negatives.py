"""Negatives: never of the own group; mined ones anew when it is time, from the subset, as many as asked for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from tlk.errors import UserError
from tlk.models.base import Model
from tlk.recipe_schema import Recipe
from tlk.training import negatives as module
from tlk.training.examples import Examples
from tlk.training.inputs import EmbeddingInputs
from tlk.training.negatives import MinedNegatives, RandomNegatives

Make = Callable[..., Examples]
PAIRS = 300
GROUP = np.arange(PAIRS) // 3  # three near-duplicates each


class Identity(Model):
    """Embeddings as they are."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs


@pytest.fixture
def grouped(embedded: Make) -> Examples:
    examples = embedded(PAIRS)
    return Examples(examples.inputs, examples.left, examples.right, GROUP)


@pytest.fixture
def mined(grouped: Examples, recipe: Callable[..., Recipe], accelerator: Accelerator) -> Callable[..., MinedNegatives]:
    def make(model: Model | None = None, seed: int = 0, **mining: Any) -> MinedNegatives:
        chosen = recipe(mining={"name": "hard", **mining})
        return MinedNegatives(grouped, chosen, model or Identity(), accelerator, seed)

    return make


@pytest.fixture
def embedding_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call to embed was for."""
    calls: list[int] = []
    real = module.embed_images

    def counting(model: Model, inputs: Any, images: np.ndarray, accelerator: Accelerator, as_is: bool) -> Tensor:
        calls.append(len(images))
        assert as_is
        return real(model, inputs, images, accelerator, as_is)

    monkeypatch.setattr(module, "embed_images", counting)
    return calls


@pytest.mark.parametrize("sizes", [[1] * 40, [30, 1, 1, 8], [2, 2], [1, 1]])
def test_random_negatives_are_never_of_the_own_group(numbered: Make, sizes: list[int]) -> None:
    group = np.repeat(np.arange(len(sizes)), sizes)
    source = RandomNegatives(numbered(len(group), group), 0)
    for epoch in range(20):
        assert (group[source.draw(epoch)] != group).all()


def test_random_negatives_are_drawn_evenly_and_anew_each_epoch(numbered: Make) -> None:
    source = RandomNegatives(numbered(10), 0)
    drawn = np.stack([source.draw(epoch) for epoch in range(1000)])
    counts = np.stack([(drawn == other).sum(axis=0) for other in range(10)])  # (other, pair)
    assert (counts.diagonal() == 0).all()
    beside = counts[~np.eye(10, dtype=bool)]
    assert abs(beside - 1000 / 9).max() < 5 * np.sqrt(1000 / 9 * 8 / 9)  # five deviations
    np.testing.assert_array_equal(source.draw(7), drawn[7])
    assert not np.array_equal(RandomNegatives(numbered(10), 1).draw(7), drawn[7])


@pytest.mark.parametrize("refresh", [1, 2, 3])
def test_mining_embeds_exactly_every_so_many_epochs(
    mined: Callable[..., MinedNegatives], embedding_calls: list[int], refresh: int
) -> None:
    source = mined(refresh=refresh, subset=50)
    at = []
    for epoch in range(7):
        before = len(embedding_calls)
        source.draw(epoch)
        at += [epoch] if len(embedding_calls) > before else []
    assert at == list(range(0, 7, refresh))
    assert embedding_calls == [PAIRS, 50] * len(at)  # anchors once, and a subset of the candidates


def test_nothing_is_embedded_where_all_are_random(
    mined: Callable[..., MinedNegatives], grouped: Examples, embedding_calls: list[int]
) -> None:
    source = mined(random=1)
    for epoch in range(3):
        np.testing.assert_array_equal(source.draw(epoch), RandomNegatives(grouped, 0).draw(epoch))
    assert embedding_calls == []


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9])
def test_the_share_of_random_ones_is_kept(
    mined: Callable[..., MinedNegatives], grouped: Examples, share: float
) -> None:
    epochs = 10
    source, plain = mined(random=share, k=5), RandomNegatives(grouped, 0)
    random = sum((source.draw(epoch) == plain.draw(epoch)).sum() for epoch in range(epochs))
    count = epochs * PAIRS
    by_chance = (1 - share) * count * 5 / (PAIRS - 3)  # mined and random by accident the same: at the very most
    deviation = np.sqrt(count * share * (1 - share))
    assert share * count - 4 * deviation <= random <= share * count + 4 * deviation + by_chance + 4 * by_chance**0.5


@pytest.mark.parametrize("name", ["hard", "semi_hard"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_mined_negatives_are_never_of_the_own_group(
    mined: Callable[..., MinedNegatives], name: str, share: float
) -> None:
    source = mined(name=name, random=share, subset=60)
    for epoch in range(6):
        assert (GROUP[source.draw(epoch)] != GROUP).all()


def cosines(examples: Examples) -> np.ndarray:
    """Return the `(n, n)` cosines of left with right images, as they are."""
    both = Identity().embed(examples.inputs.whole(examples.images)[:, :1]).numpy()
    return np.asarray(both[:PAIRS] @ both[PAIRS:].T)


@pytest.mark.parametrize("name", ["hard", "semi_hard"])
def test_mined_are_the_k_hardest_of_the_subset(
    mined: Callable[..., MinedNegatives], grouped: Examples, name: str
) -> None:
    scores = cosines(grouped)
    own = scores.diagonal().copy()
    scores[GROUP[:, None] == GROUP] = -np.inf
    if name == "semi_hard":
        scores[scores >= own[:, None]] = -np.inf
    source = mined(name=name, random=0.0, k=4, subset=PAIRS, refresh=1)
    hardest = np.argsort(-scores, axis=1)[:, :4]
    seen = np.stack([source.draw(epoch) for epoch in range(40)], axis=1)  # (n, 40)
    for pair in range(PAIRS):
        found = hardest[pair][np.isfinite(scores[pair, hardest[pair]])]
        if len(found) == 4:
            assert set(seen[pair]) == set(found)


def test_only_the_subset_is_used_and_it_is_drawn_anew(mined: Callable[..., MinedNegatives]) -> None:
    source = mined(random=0.0, subset=20, refresh=2, k=5)
    used = [set(source.draw(epoch).tolist()) for epoch in range(6)]
    for first in (0, 2, 4):
        assert len(used[first] | used[first + 1]) <= 20
    assert len(used[0] | used[2] | used[4]) > 20


def test_where_nothing_is_found_a_random_one_stands_in(mined: Callable[..., MinedNegatives], grouped: Examples) -> None:
    class Collapsed(Identity):
        def forward(self, inputs: Tensor) -> Tensor:
            return torch.ones(len(inputs), 2)

    source = mined(Collapsed(), name="semi_hard", random=0.0)  # no candidate is less similar than the own match
    np.testing.assert_array_equal(source.draw(0), RandomNegatives(grouped, 0).draw(0))


def test_mining_follows_the_model_and_leaves_it_as_it_was(mined: Callable[..., MinedNegatives]) -> None:
    class Weighted(Identity):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(64))

        def forward(self, inputs: Tensor) -> Tensor:
            assert not self.training
            return inputs * self.weight

    model = Weighted().train()
    source, state = mined(model, random=0.0, k=1), torch.random.get_rng_state()
    first = source.draw(0)
    np.testing.assert_array_equal(source.draw(1), first)  # k = 1, and not yet time
    with torch.no_grad():
        model.weight[:32] = 0
    np.testing.assert_array_equal(source.draw(1), first)
    assert not np.array_equal(source.draw(2), first)
    assert model.training
    assert model.weight.grad is None
    assert torch.equal(state, torch.random.get_rng_state())


def test_what_was_mined_goes_into_a_state_and_back(
    mined: Callable[..., MinedNegatives], embedding_calls: list[int]
) -> None:
    source, again = mined(refresh=4), mined(refresh=4)
    source.draw(0)
    again.load_state_dict(source.state_dict())
    calls = len(embedding_calls)
    for epoch in (1, 2, 3):
        np.testing.assert_array_equal(again.draw(epoch), source.draw(epoch))
    assert len(embedding_calls) == calls
    assert not np.array_equal(mined(refresh=4, seed=1).draw(1), source.draw(1))


def test_negatives_drawn_once_stay(numbered: Make) -> None:
    examples = numbered(40)
    once, anew = RandomNegatives(examples, 1, fresh=False), RandomNegatives(examples, 1)
    assert (once.draw(0) == once.draw(7)).all()
    assert (anew.draw(0) != anew.draw(7)).any()


def test_where_all_pairs_are_one_group_there_are_no_negatives(numbered: Make) -> None:
    with pytest.raises(UserError, match="no negatives"):
        RandomNegatives(numbered(5, np.zeros(5, np.int64)), 1)


def test_where_fewer_than_k_are_found_random_ones_do_not_fill_up(mined: Callable[..., MinedNegatives]) -> None:
    source = mined(random=0.0, subset=6, k=200, refresh=1)
    for epoch in range(5):
        drawn = source.draw(epoch)
        table = source.state_dict()["table"].numpy()
        assert (table < 0).any(axis=1).all()  # six are fewer than 200
        assert all(choice in row[row >= 0] for choice, row in zip(drawn, table, strict=True))


def test_negatives_that_the_data_bring_are_taken_unless_fresh_ones_are_asked_for() -> None:
    n = 30
    own = np.arange(n) + n
    given = np.where(np.arange(n) % 3 == 0, -1, own[::-1])  # a third have none
    given[1] = 999  # no pair's right image
    examples = Examples(EmbeddingInputs(torch.zeros(2 * n, 1, 1)), np.arange(n), own, np.arange(n), negative=given)
    drawn = RandomNegatives(examples, seed=0, fresh=False).draw(5)
    brought = (given >= 0) & (given != 999)
    assert (own[drawn[brought]] == given[brought]).all()
    assert (drawn != np.arange(n))[~brought].all()
    part = examples.of(np.arange(n) >= 10)  # numbers among the pairs change, images do not
    drawn = RandomNegatives(part, seed=0, fresh=False).draw(0)
    found = np.isin(part.negative, part.right)
    assert found.sum() > 5
    assert (part.right[drawn[found]] == part.negative[found]).all()
    fresh = RandomNegatives(examples, seed=0)
    assert not np.array_equal(fresh.draw(0), fresh.draw(1))
    assert not np.array_equal(own[fresh.draw(0)[brought]], given[brought])
