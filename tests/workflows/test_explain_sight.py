"""Saliency: it lies where the model looks, and changes with the model."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from tlk.models.base import Model
from tlk.workflows.explain_sight import GradientSight, scaled, smoothed


class Window(Model):
    """Sees of a picture what is in a window alone; its weights are random."""

    def __init__(self, rows: slice, columns: slice, seed: int = 0) -> None:
        super().__init__()
        self.window = (..., rows, columns)
        size = 3 * len(range(64)[rows]) * len(range(64)[columns])
        self.weights = torch.randn(size, 16, generator=torch.Generator().manual_seed(seed))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[self.window].flatten(1) @ self.weights


class Sight(GradientSight):
    def __init__(self, model: Model) -> None:
        self.model = model

    def inputs(self, picture: np.ndarray) -> Tensor:
        return torch.from_numpy(picture.transpose(2, 0, 1).copy())[None].float()

    def embed(self, inputs: Tensor) -> Tensor:
        return self.model.embed(inputs[None])

    def cells(self, picture: np.ndarray) -> np.ndarray:
        return picture.transpose(2, 0, 1)


LEFT, RIGHT = np.random.default_rng(0).integers(0, 255, (2, 64, 64, 3), np.uint8)


def test_saliency_lies_where_the_model_looks() -> None:
    seen = Sight(Window(slice(8, 24), slice(40, 56))).look(LEFT, RIGHT)
    for saliency in (seen.left, seen.right):
        inside = saliency[8:24, 40:56]
        assert inside.mean() > 0.5
        assert saliency.sum() - inside.sum() < 0.25 * saliency.sum()  # what the smoothing spills


def test_along_its_gradient_the_similarity_rises_as_fast_as_that_is_long() -> None:
    sight = Sight(Window(slice(None), slice(None)))
    one, two = (sight.inputs(picture) for picture in (LEFT, RIGHT))

    def similarity(pixels: Tensor) -> Tensor:
        return sight.model.compare(sight.embed(pixels), sight.embed(two)).sum()

    pixels = one.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(similarity(pixels), pixels)
    step = 20 * gradient / gradient.norm()
    slope = float(similarity(one + step) - similarity(one - step)) / 40
    assert float(gradient.norm()) == pytest.approx(slope, rel=1e-2)
    assert sight.look(LEFT, RIGHT).similarity == pytest.approx(float(similarity(one)), abs=1e-6)


def test_other_weights_another_saliency() -> None:
    whole = slice(None)
    first, again, other = (Sight(Window(whole, whole, seed)).look(LEFT, RIGHT).left for seed in (0, 0, 1))
    assert spearmanr(first.ravel(), again.ravel()).statistic > 0.999
    assert spearmanr(first.ravel(), other.ravel()).statistic < 0.5


def test_where_both_are_the_same_no_place_has_a_say() -> None:
    seen = Sight(Window(slice(None), slice(None))).look(LEFT, LEFT)
    assert seen.similarity == pytest.approx(1, abs=1e-5)
    assert not seen.left.any()
    assert not seen.right.any()


def test_strengths_from_0_to_1() -> None:
    strength = np.zeros((40, 40), np.float32)
    strength[10, 30] = 7e-9
    shown = smoothed(strength)
    assert shown[10, 30] == 1
    assert (shown > 0.9).sum() < 20
    assert (shown.min(), shown.max()) == (0, 1)
    assert not scaled(np.zeros((3, 3))).any()
