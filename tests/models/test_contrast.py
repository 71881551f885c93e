"""Local contrast beside the pixels."""

import numpy as np
import pytest
import torch

from tlk.models.contrast import with_contrast


def pixels(side: int = 12) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_the_pixels_come_first_standardised() -> None:
    given = pixels()
    seen = with_contrast(given, 3)
    assert seen.shape == (2, 4, 12, 12)
    torch.testing.assert_close(seen[:, :3], (given - 0.5) * 4)


def test_a_pixel_is_compared_with_its_neighbourhood() -> None:
    given = pixels(5)
    grey = ((given - 0.5) * 4).mean(dim=1).numpy()[0]
    less = np.array([[grey[i, j] - window(grey, i, j).mean() for j in range(5)] for i in range(5)])
    deviation = np.sqrt((window(less, 2, 1) ** 2).mean() + 0.003)
    assert with_contrast(given, 3)[0, 3, 2, 1].item() == pytest.approx(less[2, 1] / deviation, rel=1e-5)
    corner = np.sqrt((window(less, 0, 0) ** 2).mean() + 0.003)  # outside the picture there is nothing, not black
    assert with_contrast(given, 3)[0, 3, 0, 0].item() == pytest.approx(less[0, 0] / corner, rel=1e-5)


def window(values: np.ndarray, row: int, column: int) -> np.ndarray:
    return values[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]


def test_brightness_and_strength_hardly_count() -> None:
    given = pixels()
    paler = 0.4 + 0.5 * given
    torch.testing.assert_close(with_contrast(paler, 5)[:, 3], with_contrast(given, 5)[:, 3], atol=0.05, rtol=0.05)
    assert not torch.allclose(with_contrast(paler, 5)[:, :3], with_contrast(given, 5)[:, :3], atol=0.5)


def test_plain_regions_stay_plain() -> None:
    assert with_contrast(torch.full((1, 3, 8, 8), 0.7), 5)[:, 3].abs().max() < 1e-3
