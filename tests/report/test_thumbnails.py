"""Small pictures that are still the same pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from tlk.report.thumbnails import SIDE, encode, reduce


@pytest.mark.parametrize("shape", [(245, 200), (40, 300), (300, 1), (12, 9), (1, 1)])
def test_no_side_is_longer_than_allowed_and_proportions_stay(shape: tuple[int, int]) -> None:
    small = reduce(np.zeros((*shape, 3), np.uint8))
    assert max(small.shape[:2]) == min(SIDE, max(shape))
    scale = min(1, SIDE / max(shape))
    assert small.shape[:2] == tuple(max(1, round(side * scale)) for side in shape)


def test_a_picture_is_a_small_webp_that_shows_what_it_was() -> None:
    image = np.zeros((245, 200, 3), np.uint8)
    image[:, 100:] = (200, 40, 40)
    data = encode(reduce(image))
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "WEBP"
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert abs(pixels[:, :30]).mean() < 10
    assert np.abs(pixels[:, 50:] - (200, 40, 40)).mean() < 12
    assert len(data) < 2000
