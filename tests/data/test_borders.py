"""Frames go, pictures stay."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tlk.data.borders import trim_borders


def picture(height: int = 60, width: int = 50) -> np.ndarray:
    return np.random.default_rng(0).integers(60, 200, (height, width, 3)).astype(np.uint8)


@given(st.integers(0, 15), st.integers(0, 15), st.integers(0, 12), st.integers(0, 12), st.sampled_from([0, 10, 240]))
def test_bars_and_margins_go(top: int, bottom: int, left: int, right: int, shade: int) -> None:
    inner = picture()
    framed = np.pad(inner, ((top, bottom), (left, right), (0, 0)), constant_values=shade)
    np.testing.assert_array_equal(trim_borders(framed), inner)


def test_noise_in_a_bar_does_not_keep_it() -> None:
    framed = np.pad(picture(), ((10, 0), (0, 0), (0, 0)))
    framed[4, 20] = 90
    assert trim_borders(framed).shape == (60, 50, 3)


def test_what_is_dark_inside_stays_and_a_black_picture_too() -> None:
    striped = picture()
    striped[20:30] = 0
    assert trim_borders(striped).shape == striped.shape
    black = np.zeros((40, 40, 3), np.uint8)
    assert trim_borders(black).shape == black.shape
    black[19:22, 19:22] = 255  # a star in the night is no picture of three pixels
    assert trim_borders(black).shape == black.shape
