"""Regions that answer to each other: a picture's own, and its mirror image's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tlk.models.base import Given, Model
from tlk.models.convnet import ConvNet
from tlk.models.network import Network
from tlk.models.registry import ConvNetParameters, NetworkParameters
from tlk.workflows.explain_cells import MOST_CELLS, gradient_cells, last_maps, match_cells

MAPS = np.random.default_rng(0).normal(size=(16, 5, 4)).astype(np.float32)
PLACES = np.stack(np.indices((5, 4)), axis=-1)


def test_a_picture_with_itself_is_the_identity() -> None:
    found = match_cells(MAPS, MAPS)
    np.testing.assert_array_equal(found.place, PLACES)
    np.testing.assert_allclose(found.similarity, 1, rtol=1e-5)
    assert found.mutual.all()
    np.testing.assert_allclose(found.product, (MAPS**2).sum(axis=0), rtol=1e-5)


def test_a_picture_with_its_mirror_image_is_the_mirror() -> None:
    found = match_cells(MAPS, MAPS[..., ::-1])
    np.testing.assert_array_equal(found.place[..., 0], PLACES[..., 0])
    np.testing.assert_array_equal(found.place[..., 1], 3 - PLACES[..., 1])
    assert found.mutual.all()


def test_what_a_picture_has_everywhere_changes_no_match() -> None:
    tint = np.random.default_rng(1).normal(size=(16, 1, 1)) * 50
    np.testing.assert_array_equal(match_cells(MAPS, MAPS + tint).place, PLACES)


def test_against_a_naive_search() -> None:
    other = np.random.default_rng(2).normal(size=(16, 2, 7)).astype(np.float32)
    found = match_cells(MAPS, other)
    for row, column in np.ndindex(5, 4):
        one = MAPS[:, row, column] - MAPS.mean(axis=(1, 2))
        cosines = np.zeros((2, 7))
        for place in np.ndindex(2, 7):
            two = other[(slice(None), *place)] - other.mean(axis=(1, 2))
            cosines[place] = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
        assert tuple(found.place[row, column]) == np.unravel_index(cosines.argmax(), (2, 7))
        assert found.similarity[row, column] == pytest.approx(cosines.max(), abs=1e-5)
    assert 0 < found.mutual.sum() <= 14


def test_a_uniform_picture_has_no_region_of_its_own() -> None:
    assert (match_cells(np.ones((3, 2, 2)), np.ones((3, 2, 2))).similarity == 0).all()


def test_cells_of_gradients_move_with_the_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    cells = gradient_cells(picture)
    assert cells.shape[1:] == (8, 8)
    moved = gradient_cells(np.roll(picture, 36, axis=1))  # three cells of 12 pixels
    inner = match_cells(cells, moved).place[1:-1, 1:4]
    np.testing.assert_array_equal(inner[..., 1], [[4, 5, 6]] * 6)
    np.testing.assert_array_equal(inner[..., 0], np.arange(1, 7)[:, None].repeat(3, axis=1))


def test_the_last_map_of_a_model_of_convolutions() -> None:
    model = ConvNet(ConvNetParameters(filters=(4, 6), kernels=(3,), dense=(5,)), Given(channels=3, side=24)).eval()
    pixels = torch.randint(0, 255, (1, 3, 24, 24)).float()
    expected = model.convolutions[:-1](pixels / 255)[0].detach().numpy()
    np.testing.assert_allclose(last_maps(model, lambda: model(pixels)), expected, atol=1e-6)


def test_fine_maps_are_averaged() -> None:
    class Fine(Model):
        def __init__(self) -> None:
            super().__init__()
            self.only = nn.Identity()

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.only(inputs)

    model = Fine()
    maps = torch.arange(56 * 56.0).reshape(1, 1, 56, 56)
    found = last_maps(model, lambda: model(maps))
    assert found.shape == (1, MOST_CELLS, MOST_CELLS)
    assert found[0, 0, 0] == pytest.approx(float(maps[0, 0, :4, :4].mean()))


def test_the_last_stage_of_a_whole_network(backbone_folder: Path) -> None:
    parameters = NetworkParameters(backbone=f"local-dir:{backbone_folder}", dimensions=8)
    model = Network(parameters, Given(channels=3, side=160)).eval()
    channels, height, width = last_maps(model, lambda: model(torch.zeros(1, 3, 160, 160))).shape
    assert height == width > 1
    assert channels > 8
