"""Maps of gradients: the orientation and the place of an edge, whatever its contrast."""

import numpy as np
import pytest

from tlk.constants import GRADIENT_MAPS
from tlk.embeddings.gradient_maps import gradient_maps

ORIENTATIONS = GRADIENT_MAPS[0] - 4


def maps(image: np.ndarray) -> np.ndarray:
    return gradient_maps(image).reshape(GRADIENT_MAPS)


def half(angle: float, low: int = 40, high: int = 160) -> np.ndarray:
    """A picture whose brightness jumps along a line through its middle; `angle` is the gradient's, in degrees."""
    rows, columns = np.indices((96, 96)) - 47.5
    side = columns * np.cos(np.deg2rad(angle)) + rows * np.sin(np.deg2rad(angle)) > 0
    return np.repeat(np.where(side, high, low)[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("number", [0, 2, 4, 6])  # a pixel grid draws the edges between these in steps
def test_an_edge_shows_in_the_map_of_its_orientation(number: int) -> None:
    found = maps(half(180 * number / ORIENTATIONS))[:ORIENTATIONS].mean(axis=(1, 2))
    assert found.argmax() == number


def test_a_gradient_between_two_orientations_is_shared_by_them() -> None:
    rows, columns = np.indices((96, 96))
    angle = np.deg2rad(1.5 * 180 / ORIENTATIONS)
    ramp = 20 + 1.6 * (rows * np.sin(angle) + columns * np.cos(angle))
    found = maps(np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8))[:ORIENTATIONS].mean(axis=(1, 2))
    assert set(np.argsort(found)[-2:]) == {1, 2}
    assert found[[1, 2]].max() < 1.5 * found[[1, 2]].min()


def test_an_edge_is_where_it_is() -> None:
    image = np.full((96, 96, 3), 50, np.uint8)
    image[:, 30:] = 170
    strength = maps(image)[ORIENTATIONS]
    assert set(np.unique(strength.argmax(axis=1))) <= {6, 7, 8}  # 30 of 96 pixels is 7.5 of 24 cells; windows of three
    assert strength[:, :5].max() == strength[:, 11:].max() == 0


def test_shares_do_not_hang_on_contrast_and_strength_does() -> None:
    faint, strong = maps(half(0, 80, 110)), maps(half(0, 40, 200))
    middle = np.s_[:ORIENTATIONS, :, 11:13]
    np.testing.assert_allclose(faint[middle], strong[middle], atol=0.5)
    assert strong[ORIENTATIONS].max() > 1.5 * faint[ORIENTATIONS].max()


def test_a_flat_picture_has_no_gradients_and_its_own_colour() -> None:
    found = maps(np.full((30, 50, 3), (200, 40, 40), np.uint8))
    assert found[: ORIENTATIONS + 1].max() == 0
    np.testing.assert_allclose(found[ORIENTATIONS + 1 :].std(axis=(1, 2)), 0, atol=1e-6)
    assert found[ORIENTATIONS + 2].mean() > 3  # red


def test_a_mirrored_picture_has_mirrored_maps() -> None:
    image = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
    found, mirrored = maps(image), maps(image[:, ::-1].copy())[..., ::-1]
    np.testing.assert_allclose(mirrored[ORIENTATIONS:], found[ORIENTATIONS:], atol=1e-5)
    turned = [-number % ORIENTATIONS for number in range(ORIENTATIONS)]
    np.testing.assert_allclose(mirrored[turned], found[:ORIENTATIONS], atol=1e-5)
