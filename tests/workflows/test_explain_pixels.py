"""Sight by models that see pixels."""

import numpy as np
import pytest
import torch

from tlk.models.base import Given, Model
from tlk.models.registry import MODELS
from tlk.recipe_schema import PixelParameters
from tlk.registry import parameters_of
from tlk.workflows.explain_cells import match_cells
from tlk.workflows.explain_pixels import PixelSight

CPU = torch.device("cpu")
LEFT, RIGHT = np.random.default_rng(0).integers(0, 255, (2, 50, 40, 3), np.uint8)
MODELS_OF_PIXELS = {
    "convnet": {"filters": (4, 6), "kernels": (3,), "dense": (5,), "contrast": 5},
    "autoencoder": {"layers": 2, "encoder_filters": 4, "decoder_filters": 2},
}


def sight_of(name: str, **pixels: object) -> PixelSight:
    def load(given: Given) -> Model:
        model_class, parameters = parameters_of({"name": name} | MODELS_OF_PIXELS[name], MODELS)
        torch.manual_seed(0)
        model: Model = model_class(parameters, given)
        return model

    return PixelSight(PixelParameters(**({"size": 32} | pixels)), load, CPU)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MODELS_OF_PIXELS)
@pytest.mark.parametrize("pixels", [{}, {"colour": "grey"}, {"mirrored": True}], ids=str)
def test_gradients_on_both_pictures_and_cells(name: str, pixels: dict[str, object]) -> None:
    sight = sight_of(name, **pixels)
    seen = sight.look(LEFT, RIGHT)
    assert -1 <= seen.similarity <= 1
    assert seen.left.shape == seen.right.shape == (32, 32)
    assert seen.left.max() == seen.right.max() == 1
    assert sight.cells(LEFT).shape[1:] == (8, 8)


def test_a_mirror_image_counts_the_same_where_both_orientations_are_seen() -> None:
    mirror = np.ascontiguousarray(LEFT[:, ::-1])
    assert sight_of("convnet", mirrored=True).look(LEFT, mirror).similarity == pytest.approx(1, abs=1e-5)
    assert sight_of("convnet").look(LEFT, mirror).similarity < 0.999


def test_a_mirror_image_is_matched_mirrored() -> None:
    sight = sight_of("convnet")
    with torch.no_grad():  # kernels that do not know left from right
        for weights in sight.model.parameters():
            if weights.ndim == 4:
                weights += weights.flip(-1)
    found = match_cells(sight.cells(LEFT), sight.cells(np.ascontiguousarray(LEFT[:, ::-1])))
    rows, columns = np.indices((8, 8))
    np.testing.assert_array_equal(found.place[..., 0], rows)
    np.testing.assert_array_equal(found.place[..., 1], 7 - columns)
