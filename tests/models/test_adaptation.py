"""The learned distance: symmetric, as one computes it by hand, and able to learn."""

import numpy as np
import torch
from torch import Tensor, nn

from tlk.models.adaptation import Adaptation
from tlk.models.base import Given
from tlk.models.centred import Centred
from tlk.models.registry import AdaptationParameters, CentredParameters

SIZES = (3, 5)


def vectors(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, sum(SIZES), generator=torch.Generator().manual_seed(seed)) + 2


def fitted(**parameters: float) -> Adaptation:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Adaptation(AdaptationParameters.model_validate({"hidden": 6, **parameters}), Given(SIZES))
    model.fit(vectors(20, 2), 0)
    return model.eval()


def test_the_embedding_is_the_centred_one() -> None:
    model, centred = fitted(), Centred(CentredParameters(), Given(SIZES))
    centred.fit(vectors(20, 2), 0)
    reduced = model.reduce(vectors(4, 2, seed=1))
    assert torch.equal(reduced, centred.reduce(vectors(4, 2, seed=1)))
    torch.testing.assert_close(model.embed(reduced), reduced.mean(dim=1))  # of any length: the layers see it as it is


def test_the_logit_is_two_layers_on_the_absolute_difference() -> None:
    model = fitted()
    first, second = model.layers[0], model.layers[3]
    a, b = vectors(7), vectors(7, seed=1)
    difference = np.abs(a.numpy() - b.numpy())
    hidden = np.maximum(difference @ first.weight.detach().numpy().T + first.bias.detach().numpy(), 0)
    expected = hidden @ second.weight.detach().numpy().T + second.bias.detach().numpy()
    np.testing.assert_allclose(model.compare(a, b).detach(), expected[:, 0], rtol=1e-4, atol=1e-5)


def test_it_is_symmetric() -> None:
    model, a, b = fitted(), vectors(5), vectors(6, seed=1)
    torch.testing.assert_close(model.similarity(a, b), model.similarity(b, a).T)
    torch.testing.assert_close(model.compare(a, b[:5]), model.compare(b[:5], a))


def test_similarity_is_compare_of_each_pair() -> None:
    model, a, b = fitted(), vectors(5), vectors(6, seed=1)
    expected = torch.stack([torch.stack([model.compare(x, y) for y in b]) for x in a])
    torch.testing.assert_close(model.similarity(a, b), expected)


def test_dropout_strikes_only_in_training() -> None:
    model, a, b = fitted(dropout=0.5), vectors(5), vectors(5, seed=1)
    assert torch.equal(model.compare(a, b), model.compare(a, b))
    model.train()
    assert not torch.equal(model.compare(a, b), model.compare(a, b))


def test_it_learns_which_directions_matter() -> None:
    """Pairs agree in three of eight numbers; the plain distance is drowned by the rest."""
    model = fitted(hidden=16)
    a, b, other = vectors(300), vectors(300, seed=1) * 3, vectors(300, seed=2) * 3
    b[:, :3] = a[:, :3]
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        logits = torch.cat([model.compare(a, b), model.compare(a, other)])
        labels = torch.cat([torch.ones(300), torch.zeros(300)])
        nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
        optimiser.step()
    fresh = vectors(100, seed=3)
    match, foil = vectors(100, seed=4) * 3, vectors(100, seed=5) * 3
    match[:, :3] = fresh[:, :3]
    assert (model.compare(fresh, match) > model.compare(fresh, foil)).float().mean() > 0.9
