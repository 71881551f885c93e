"""Descriptors: finite for any image, sensitive to what they describe, blind to what they should not see."""

from typing import get_args

import numpy as np
import pytest

from tlk.embeddings.descriptors import DESCRIPTORS, DescriptorEmbedder
from tlk.embeddings.schema import Descriptor
from tlk.embeddings.views import unit

NAMES: tuple[Descriptor, ...] = get_args(Descriptor)
SIZES = {
    "gradients-12": 11 * 11 * 4 * 8, "gradients-8": 7 * 7 * 4 * 8, "gradients-5": 4 * 4 * 4 * 8,
    "gradients-4": 3 * 3 * 4 * 8, "thumbnail": 12 * 12 * 3, "thumbnail-6": 6 * 6 * 3, "grey-layout": 400,
    "edge-layout": 324,
    "silhouette": 256, "profiles": 4 * 48, "texture": 2 * 9 * 10, "histogram": 6 * 7 * 7, "histogram-2": 4 * 4 * 5 * 5,
    "patches": 4 * 4 * 400, "gradient-maps": 12 * 24 * 24,
}  # fmt: skip


def picture(seed: int = 0, height: int = 60, width: int = 50) -> np.ndarray:
    """A few random rectangles."""
    random = np.random.default_rng(seed)
    image = np.full((height, width, 3), random.integers(0, 256, 3), np.uint8)
    for _ in range(6):
        top, left = random.integers(0, height - 10), random.integers(0, width - 10)
        image[top : top + random.integers(5, 30), left : left + random.integers(5, 30)] = random.integers(0, 256, 3)
    return image


@pytest.mark.parametrize("name", NAMES)
def test_every_image_has_a_finite_vector_of_one_size(name: Descriptor) -> None:
    images = [picture(), picture(1, 200, 245), picture(2, 30, 400)]
    images += [np.full((1, 1, 3), 9, np.uint8), np.zeros((40, 40, 3), np.uint8), np.full((7, 90, 3), 255, np.uint8)]
    for image in images:
        vector = DESCRIPTORS[name](image)
        assert vector.shape == (SIZES[name],)
        assert np.isfinite(vector).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "texture"])  # on flat colour, noise is texture
def test_a_noisy_copy_is_nearer_than_another_picture(name: Descriptor) -> None:
    describe = DESCRIPTORS[name]
    noise = np.random.default_rng(5).integers(-4, 5, picture().shape)
    noisy = np.clip(picture().astype(int) + noise, 0, 255).astype(np.uint8)
    own, copy, *others = (unit(describe(image)) for image in (picture(), noisy, *map(picture, range(1, 5))))
    assert own @ copy > max(own @ other for other in others)


@pytest.mark.parametrize("name", ["grey-layout", "texture", "edge-layout"])
def test_some_descriptors_are_blind_to_brightness(name: Descriptor) -> None:
    dim = picture() // 2
    own, other = unit(DESCRIPTORS[name](dim)), unit(DESCRIPTORS[name](dim + np.uint8(60)))
    assert own @ other > 0.999


def test_the_grey_layout_is_blind_to_contrast_too() -> None:
    own, other = (unit(DESCRIPTORS["grey-layout"](image)) for image in (picture(), picture() // 3 + np.uint8(60)))
    assert own @ other > 0.99


@pytest.mark.parametrize("name", ["histogram", "thumbnail", "histogram-2"])
def test_colour_descriptors_see_colour_where_grey_ones_do_not(name: Descriptor) -> None:
    """Two colours of one grey value."""
    grey = np.full((40, 40, 3), 110, np.uint8)
    green = np.full((40, 40, 3), (0, 187, 0), np.uint8)
    assert np.abs(DESCRIPTORS[name](grey) - DESCRIPTORS[name](green)).max() > 0.4
    assert np.abs(DESCRIPTORS["profiles"](grey) - DESCRIPTORS["profiles"](green)).max() < 0.05


def test_one_histogram_is_blind_to_place_and_four_are_not() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32] = (200, 30, 30)
    turned = image[::-1].copy()
    assert np.allclose(DESCRIPTORS["histogram"](image), DESCRIPTORS["histogram"](turned))
    assert not np.allclose(DESCRIPTORS["histogram-2"](image), DESCRIPTORS["histogram-2"](turned))
    assert np.sum(DESCRIPTORS["histogram"](image) ** 2) == pytest.approx(1)


def test_texture_is_a_distribution_in_every_cell() -> None:
    squares = DESCRIPTORS["texture"](picture()) ** 2
    assert squares.reshape(18, 10).sum(axis=1) == pytest.approx(np.ones(18))


def test_profiles_are_means_and_deviations_of_columns_and_rows() -> None:
    image = np.zeros((48, 48, 3), np.uint8)
    image[:, 24:] = 128  # a dark left half
    columns, rows, across_columns, across_rows = DESCRIPTORS["profiles"](image).reshape(4, 48)
    assert columns.tolist() == [0] * 24 + [2] * 24
    assert rows.tolist() == [1] * 48
    assert across_columns.tolist() == [0] * 48
    assert across_rows.tolist() == [1] * 48


def test_the_embedder_gives_each_side_its_own_views() -> None:
    embedder = DescriptorEmbedder(["profiles", "thumbnail-6"], mirrored=True)
    assert [view.name for view in embedder.views] == [
        "descriptor profiles as is", "descriptor thumbnail-6 as is",
        "descriptor profiles mirrored", "descriptor thumbnail-6 mirrored",
    ]  # fmt: skip
    assert len({view.fingerprint for view in embedder.views}) == 4
    mirror = np.ascontiguousarray(picture()[:, ::-1])
    outputs = embedder.compute([embedder.prepare(picture()), embedder.prepare(mirror)])
    assert [output.shape for output in outputs] == [(2, 192), (2, 108)] * 2
    assert all(output.dtype == np.float32 for output in outputs)
    for plain, mirrored in ((0, 2), (1, 3)):
        assert np.array_equal(outputs[plain][0], outputs[mirrored][1])
        assert np.array_equal(outputs[plain][1], outputs[mirrored][0])
        assert not np.array_equal(outputs[plain][0], outputs[plain][1])


def test_without_mirror_images_the_same_views_keep_their_vectors() -> None:
    plain, both = (DescriptorEmbedder(["profiles"], mirrored=mirrored) for mirrored in (False, True))
    assert len(plain.views) == 1
    assert plain.views[0].fingerprint == both.views[0].fingerprint
    assert len(plain.prepare(picture())) == 1


def test_a_silhouette_is_a_shape_whatever_its_colours() -> None:
    def disc(inside: tuple[int, int, int], outside: tuple[int, int, int]) -> np.ndarray:
        image = np.full((64, 64, 3), outside, np.uint8)
        y, x = np.mgrid[:64, :64]
        image[(y - 30) ** 2 + (x - 20) ** 2 < 150] = inside
        return image

    one = DESCRIPTORS["silhouette"](disc((250, 40, 40), (10, 10, 60)))
    two = DESCRIPTORS["silhouette"](disc((20, 20, 20), (200, 220, 180)))
    np.testing.assert_allclose(one, two)
    assert 0.05 < one.mean() < 0.2


@pytest.mark.parametrize("shade", [0, 90, 255])
@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 1, 3), (1, 300, 3), (300, 2, 3)])
@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_one_shade_has_a_finite_descriptor(name: Descriptor, shape: tuple[int, ...], shade: int) -> None:
    """Whatever its size: the same as that of a larger one, so that such pictures are alike."""
    described = DESCRIPTORS[name](np.full(shape, shade, np.uint8))
    assert np.isfinite(described).all()
    np.testing.assert_allclose(described, DESCRIPTORS[name](np.full((200, 200, 3), shade, np.uint8)), atol=1e-4)
