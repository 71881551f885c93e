"""The adapter: what its PCA keeps, what whitening means, and that it starts as the identity."""

import numpy as np
import pytest
import torch

from tlk.models.adapter import Adapter
from tlk.models.base import Given
from tlk.models.centred import Centred
from tlk.models.registry import AdapterParameters, CentredParameters

GIVEN = Given((4, 6))


def features(n: int = 40, orientations: int = 2, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    mixed = torch.randn(n, orientations, 10, generator=random) @ torch.randn(10, 10, generator=random)
    return mixed + torch.arange(10)


def fitted(data: torch.Tensor | None = None, seed: int = 0, **parameters: float) -> Adapter:
    head = Adapter(AdapterParameters.model_validate({"components": 10, "whitening": 0.0, **parameters}), GIVEN)
    head.fit(features() if data is None else data, seed)
    return head.eval()


def flat(data: torch.Tensor) -> np.ndarray:
    """Return the centred `(n, d)` images that the PCA sees, made by the head that it builds on."""
    head = Centred(CentredParameters(), GIVEN)
    head.fit(features(), 0)
    images = head.reduce(data).mean(dim=1).double().numpy()
    head_images = head.reduce(features()).mean(dim=1).double().numpy()
    return np.asarray(images - head_images.mean(axis=0))


def cosines(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(unit @ unit.T)


def reduced(head: Adapter, data: torch.Tensor) -> np.ndarray:
    return np.asarray(head.reduce(data).mean(dim=1).double().numpy())


@pytest.mark.parametrize("data", [features(), features(seed=1)], ids=["seen", "unseen"])
def test_without_whitening_all_components_keep_every_angle(data: torch.Tensor) -> None:
    assert np.allclose(cosines(reduced(fitted(), data)), cosines(flat(data)), atol=1e-4)


@pytest.mark.parametrize("components", [1, 3, 7])
@pytest.mark.parametrize("whitening", [0.0, 0.2, 1.0])
def test_the_space_is_that_of_a_singular_value_decomposition(components: int, whitening: float) -> None:
    data = flat(features())
    _, singular, axes = np.linalg.svd(data, full_matrices=False)
    deviation = singular / np.sqrt(len(data) - 1)
    expected = (data @ axes.T / deviation**whitening)[:, :components]
    found = reduced(fitted(components=components, whitening=whitening), features())
    assert found.shape == (40, components)
    assert np.allclose(cosines(found), cosines(expected), atol=1e-3)


def test_whitening_evens_the_deviations_by_its_exponent() -> None:
    def spread(whitening: float) -> np.ndarray:
        return np.sqrt(np.linalg.eigvalsh(np.cov(reduced(fitted(whitening=whitening), features()).T)))

    own, half, full = spread(0.0), spread(0.5), spread(1.0)
    assert own[-1] / own[0] > 3
    assert half[-1] / half[0] == pytest.approx((own[-1] / own[0]) ** 0.5, rel=1e-2)
    assert full[-1] / full[0] == pytest.approx(1, abs=1e-2)


def test_entries_are_of_about_one() -> None:
    for whitening in (0.0, 1.0):
        lengths = np.linalg.norm(reduced(fitted(whitening=whitening), features()), axis=1)
        assert lengths.mean() == pytest.approx(np.sqrt(10), rel=1e-3)


def test_it_starts_as_the_identity_and_is_one_linear_layer() -> None:
    head = fitted()
    inputs = head.reduce(features())
    assert torch.equal(head(inputs), inputs)
    assert [tuple(weight.shape) for weight in head.parameters()] == [(10, 10)]
    with torch.no_grad():
        head.head.weight.mul_(2)
    assert torch.allclose(head(inputs), 2 * inputs)


def test_dropout_strikes_only_in_training() -> None:
    head = fitted(dropout=0.5)
    inputs = head.reduce(features())
    assert torch.equal(head(inputs), inputs)
    head.train()
    torch.manual_seed(0)
    share = (head(inputs) == 0).double().mean().item()
    assert share == pytest.approx(0.5, abs=0.06)


def test_embeddings_have_length_1() -> None:
    head = fitted(components=4, whitening=0.2)
    embedded = head.embed(head.reduce(features(seed=2)))
    assert embedded.shape == (40, 4)
    assert torch.allclose(embedded.norm(dim=1), torch.ones(40), atol=1e-6)


def test_the_fit_is_seeded() -> None:
    first, again, other = (fitted(components=4, seed=seed).projection for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_the_state_comes_back() -> None:
    head = fitted(components=4, whitening=0.2)
    again = Adapter(head.parameters_, GIVEN)
    again.load_state_dict(head.state_dict())
    again.eval()
    assert torch.equal(again.embed(again.reduce(features(seed=1))), head.embed(head.reduce(features(seed=1))))


@pytest.mark.parametrize("whitening", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_fewer_images_than_components_leave_the_rest_zero(n: int, whitening: float) -> None:
    head = fitted(features(n), whitening=whitening)
    assert (head.projection.norm(dim=0) > 0).sum() <= n
    assert np.linalg.matrix_rank(head.projection.numpy(), tol=1e-3) == n - 1  # n points span n - 1 directions
    embedded = head.embed(head.reduce(features(20, seed=1)))
    assert torch.isfinite(embedded).all()


def test_an_axis_of_rounding_noise_is_not_blown_up() -> None:
    """Five images span four directions; what new images have elsewhere must not drown these."""
    head = fitted(features(5), whitening=1.0)
    assert head.projection.abs().max() < 100


@pytest.mark.parametrize("n", [1, 6])
def test_constant_features_give_no_nan(n: int) -> None:
    head = fitted(torch.ones(n, 2, 10), whitening=0.5)
    assert torch.isfinite(head.embed(head.reduce(torch.ones(n, 2, 10)))).all()
    assert torch.isfinite(head.embed(head.reduce(features()))).all()


COLLAPSED = {
    "all alike": torch.ones(10, 2, 10),
    "black": torch.zeros(10, 2, 10),
    "one picture twice": torch.ones(2, 1, 10),
    "a single picture": features(1, 1),
    "too large to square": features() * 1e25,
}


@pytest.mark.parametrize("whitening", [0.0, 1.0])
@pytest.mark.parametrize("case", COLLAPSED)
def test_where_nothing_differs_every_embedding_is_zero(case: str, whitening: float) -> None:
    data = COLLAPSED[case]
    head = fitted(data, whitening=whitening)
    assert all(tensor.isfinite().all() for tensor in head.state_dict().values())
    assert not head.embed(head.reduce(data)).any()


@pytest.mark.parametrize("rank", [1, 2, 5])
@pytest.mark.parametrize("count", [3, 40])
def test_whitening_does_not_blow_up_what_the_data_do_not_span(rank: int, count: int) -> None:
    random = torch.Generator().manual_seed(0)
    data = torch.randn(count, 1, rank, generator=random) @ torch.randn(rank, 10, generator=random)
    head = fitted(data, whitening=1.0)
    assert head.projection.isfinite().all()
    embedded = head.embed(head.reduce(data))
    assert embedded.isfinite().all()
    assert torch.linalg.matrix_rank(head.projection, rtol=1e-5) <= min(10, count - 1)
    again = head.embed(head.reduce(data * (1 + 1e-6)))  # rounding of the inputs is no difference
    torch.testing.assert_close(again, embedded, atol=1e-3, rtol=0)


def test_one_pair_alone_can_be_fitted() -> None:
    data = features(2, 1)
    head = fitted(data)
    embedded = head.embed(head.reduce(data)).detach()
    torch.testing.assert_close(embedded.norm(dim=1), torch.ones(2))
    assert float(embedded[0] @ embedded[1]) == pytest.approx(-1, abs=1e-4)  # they differ along one line
