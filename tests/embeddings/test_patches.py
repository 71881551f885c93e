"""Patches: near its centres a picture says so, wherever brightness and contrast stand."""

import numpy as np

from tlk.embeddings import patches as module
from tlk.embeddings.patches import CELLS, CENTRES, PATCH, SIDE, patches


def picture(seed: int = 0) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(40, 160, (12, 10, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((20, 20, 1), np.uint8))


def test_it_is_what_loops_make_of_it() -> None:
    image = picture()
    small = module.cv2.resize(image, (SIDE, SIDE), interpolation=module.cv2.INTER_AREA).astype(np.float64)
    mean, whitening, centres = module._codebook()
    found = patches(image).reshape(CELLS, CELLS, CENTRES)
    side = (SIDE - PATCH + 1) // CELLS
    for row, column in ((0, 0), (2, 3)):
        activations = []
        for y in range(row * side, (row + 1) * side):
            for x in range(column * side, (column + 1) * side):
                patch = small[y : y + PATCH, x : x + PATCH].transpose(2, 0, 1).ravel()
                patch = (patch - patch.mean()) / np.sqrt(patch.var() + 10)
                distances = np.linalg.norm((patch - mean) @ whitening - centres, axis=1)
                activations.append(np.maximum(distances.mean() - distances, 0))
        np.testing.assert_allclose(found[row, column], np.sqrt(np.mean(activations, axis=0)), atol=2e-3)


def test_brightness_and_contrast_count_for_little() -> None:
    image = picture().astype(np.float64)
    brighter = (0.7 * image + 60).astype(np.uint8)
    one, two, other = patches(image.astype(np.uint8)), patches(brighter), patches(picture(1))
    assert np.linalg.norm(one - two) < 0.2 * np.linalg.norm(one - other)


def test_the_codebook_has_as_many_centres_as_it_says() -> None:
    mean, whitening, centres = module._codebook()
    assert mean.shape == (3 * PATCH**2,)
    assert whitening.shape == (3 * PATCH**2, 3 * PATCH**2)
    assert centres.shape == (CENTRES, 3 * PATCH**2)
