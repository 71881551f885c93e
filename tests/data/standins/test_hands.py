"""Artists' hands: one artist's paintings are found by simple descriptors, far above chance and far from surely."""

from functools import cache

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tlk.data.standins.canvas import SIDES, draw_painting
from tlk.data.standins.hands import GENRES, draw_hand, varied
from tlk.seeding import generator

ARTISTS, PAINTINGS = 16, 6
OWNERS = np.repeat(np.arange(ARTISTS), PAINTINGS)


@cache
def paintings() -> list[np.ndarray]:
    return [
        draw_painting(draw_hand(0, artist), generator(0, "test", artist, index))[0]
        for artist in range(ARTISTS)
        for index in range(PAINTINGS)
    ]


def same_artist_auc(features: np.ndarray) -> float:
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    rows, columns = np.triu_indices(len(unit), 1)
    return float(roc_auc_score(OWNERS[rows] == OWNERS[columns], (unit @ unit.T)[rows, columns]))


def colours(image: np.ndarray) -> np.ndarray:
    return cv2.calcHist([image], [0, 1, 2], None, [4] * 3, [0, 256] * 3).ravel() / image[..., 0].size


def brushwork(image: np.ndarray) -> np.ndarray:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    directions = np.histogram(np.arctan2(down, across) % np.pi, 12, (0, np.pi), weights=np.hypot(across, down))[0]
    return np.array([*directions / grey.size, *(np.abs(grey - cv2.blur(grey, (k, k))).mean() for k in (3, 5, 9, 17))])


def test_colours_tell_artists_apart_but_not_surely():
    assert 0.65 < same_artist_auc(np.array([colours(image) for image in paintings()])) < 0.85


def test_brushwork_tells_artists_apart_but_not_surely():
    features = np.array([brushwork(image) for image in paintings()])
    assert 0.75 < same_artist_auc((features - features.mean(0)) / features.std(0)) < 0.95


def test_size_and_shape_do_not_tell():
    shapes = np.array([image.shape[:2] for image in paintings()], float)
    # Those who like portraits paint upright pictures, no more.
    assert same_artist_auc(shapes - shapes.mean(0)) < 0.62


def test_paintings_differ_in_size_and_none_is_blank():
    assert {image.dtype for image in paintings()} == {np.dtype(np.uint8)}
    assert all(SIDES[0] <= side <= SIDES[1] for image in paintings() for side in image.shape[:2])
    assert len({image.shape for image in paintings()}) > 80
    assert min(image.std() for image in paintings()) > 8


def test_the_same_painting_twice_and_another_by_the_next():
    def draw(artist: int, index: int) -> bytes:
        return draw_painting(draw_hand(5, artist), generator(5, artist, index))[0].tobytes()

    assert draw(1, 0) == draw(1, 0)
    assert len({draw(artist, index) for artist in range(2) for index in range(2)}) == 4
    assert draw_hand(5, 1) != draw_hand(6, 1) != draw_hand(6, 2)


@pytest.mark.parametrize("artist", range(40))
def test_values_of_a_hand_stay_within_bounds(artist: int):
    hand = draw_hand(0, artist)
    assert set(hand.genres) <= set(GENRES)
    for day in range(20):
        today = varied(hand, generator(0, "day", artist, day))
        assert 0 < today.low < today.high <= 1
        assert 0 < today.saturation < 1
        assert all(0 <= hue < 1 for hue in today.hues)
        assert today.colour(0, 1.0, 1.0).max() <= 255


def test_artists_mostly_paint_what_they_like():
    hand = draw_hand(0, 0)
    genres = [draw_painting(hand, generator(0, "genres", index))[1] for index in range(30)]
    assert 0.6 < np.mean([genre in hand.genres for genre in genres]) < 1
