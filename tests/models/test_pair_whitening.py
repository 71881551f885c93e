"""Whitening by pairs: what differs inside them stops counting, and nothing is learned."""

import numpy as np
import torch

from tlk.models.pair_whitening import PairWhitening


def pairs(count: int = 300, seed: int = 0) -> torch.Tensor:
    """Two sides that agree in the first four numbers and differ in the last four."""
    random = np.random.default_rng(seed)
    shared = random.normal(size=(count, 4))
    sides = [np.hstack([shared + 0.05 * random.normal(size=(count, 4)), random.normal(size=(count, 4))]) for _ in "lr"]
    return torch.from_numpy(np.concatenate(sides)).float()[:, None].expand(-1, 2, -1)


def rank_1(vectors: torch.Tensor) -> float:
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    left, right = unit.chunk(2)
    return float(((left @ right.T).argmax(dim=1) == torch.arange(len(left))).float().mean())


def test_what_differs_inside_pairs_counts_less() -> None:
    model = PairWhitening(8)
    model.fit(pairs(), 0)
    fresh = pairs(100, seed=1)
    assert rank_1(model.embed(model.reduce(fresh))) > rank_1(fresh[:, 0]) + 0.3


def test_it_is_the_inverse_root_of_the_shrunk_covariance() -> None:
    model = PairWhitening(8)
    data = pairs()
    model.fit(data, 0)
    left, right = model.reduce(data).mean(dim=1).double().chunk(2)
    covariance = ((left - right).T @ (left - right) / len(left)).numpy()
    # Shrunk by 0.3, whitened variances v / (0.7 v + 0.3 mean) stay below 1 / 0.7, and none is correlated.
    assert np.allclose(covariance, np.diag(np.diag(covariance)), atol=1e-4)
    assert np.diag(covariance).max() < 1 / 0.7


def test_nothing_is_learned() -> None:
    model = PairWhitening(8)
    model.fit(pairs(), 0)
    assert not list(model.parameters())
    reduced = model.reduce(pairs())
    assert torch.equal(model(reduced), reduced)


def test_pairs_without_any_difference_are_left_finite() -> None:
    model = PairWhitening(3)
    model.fit(torch.zeros(10, 1, 3), 0)
    assert torch.isfinite(model.reduce(torch.ones(2, 3))).all()


def test_pairs_that_do_not_differ_are_not_whitened() -> None:
    model = PairWhitening(8)
    same = pairs(30).chunk(2)[0]
    model.fit(torch.cat([same, same]), 0)
    assert model.whitening.isfinite().all()
    before, after = (torch.nn.functional.normalize(v[:, 0], dim=1) for v in (same, model.reduce(same)))
    torch.testing.assert_close(after @ after.T, before @ before.T, atol=1e-5, rtol=0)


def test_one_pair_can_be_fitted() -> None:
    model = PairWhitening(8)
    model.fit(pairs(1), 0)
    assert model.whitening.isfinite().all()
    torch.testing.assert_close(model.embed(model.reduce(pairs(5))).norm(dim=1), torch.ones(10))
