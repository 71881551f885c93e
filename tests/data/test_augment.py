"""Augmentations: each does what its name says, and the same again for the same seed, in any thread."""

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest

from tlk.data.augment import AUGMENTATIONS, Augmentation, Augmenter

RED = (200, 30, 40)
PAPER = (246, 243, 240)
SEEDS = range(60)


def textured(seed: int = 0, height: int = 96, width: int = 80) -> np.ndarray:
    """Coarse coloured noise: no two borders alike, nothing plain."""
    coarse = np.random.default_rng(seed).integers(30, 226, (height // 8, width // 8, 3), np.uint8)
    return coarse.repeat(8, axis=0).repeat(8, axis=1)


def drawn(colour: tuple[int, int, int] = PAPER) -> np.ndarray:
    """A red disc with a paper-coloured hole, left of the middle of a slightly noisy plain background."""
    image = np.empty((96, 80, 3), np.uint8)
    image[:] = colour
    image += np.random.default_rng(1).integers(0, 6, image.shape, np.uint8)
    rows, columns = np.ogrid[:96, :80]
    image[(rows - 45) ** 2 + (columns - 30) ** 2 <= 25**2] = RED
    image[40:50, 20:30] = colour
    return image


def outcomes(name: Augmentation, image: np.ndarray) -> list[np.ndarray]:
    """What `name` makes of the image under many seeds, where it changes it."""
    augmenter = Augmenter([name])
    results = [augmenter(image, seed) for seed in SEEDS]
    return [result for result in results if not np.array_equal(result, image)]


def test_every_name_is_listed() -> None:
    assert set(AUGMENTATIONS) == set(get_args(Augmentation))
    assert set(AUGMENTATIONS) == {"flip", "shift", "pad", "background", "colour", "grey", "blur"}


@pytest.mark.parametrize("names", [*[[name] for name in AUGMENTATIONS], AUGMENTATIONS], ids=str)
def test_shape_and_type_stay_and_the_image_is_not_written_to(names: list[Augmentation]) -> None:
    augmenter = Augmenter(names)
    images = [textured(), drawn(), np.full((64, 256, 3), 7, np.uint8), np.zeros((3, 2, 3), np.uint8)]
    images += [textured()[:, ::-1], textured(0, 8, 16), np.repeat(textured()[..., :1], 3, axis=2)]
    for image in images:
        before = image.copy()
        image.flags.writeable = False
        for seed in range(12):
            result = augmenter(image, seed)
            assert result.shape == image.shape
            assert result.dtype == np.uint8
        assert np.array_equal(image, before)


def test_the_same_seed_gives_the_same_picture_in_any_thread_and_order() -> None:
    augmenter = Augmenter(AUGMENTATIONS)
    images = [drawn(), *(textured(seed) for seed in range(5))]
    jobs = [(image, seed) for image in images for seed in range(25)]
    expected = [augmenter(*job) for job in jobs]
    order = np.random.default_rng(2).permutation(len(jobs))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: augmenter(*jobs[i]), order))
    for i, result in zip(order, found, strict=True):
        assert np.array_equal(result, expected[i])
    assert all(
        np.array_equal(Augmenter(AUGMENTATIONS)(*job), result) for job, result in zip(jobs, expected, strict=True)
    )
    assert len({result.tobytes() for result in expected}) > 0.9 * len(jobs)


def test_global_random_states_neither_matter_nor_change() -> None:
    augmenter = Augmenter(AUGMENTATIONS)
    expected = [augmenter(drawn(), seed) for seed in range(20)]
    random.seed(5)
    np.random.seed(5)
    before = random.getstate(), np.random.get_state()[1].copy(), np.random.get_state()[2]  # type: ignore[index]
    again = [Augmenter(AUGMENTATIONS)(drawn(), seed) for seed in range(20)]
    after = random.getstate(), np.random.get_state()[1], np.random.get_state()[2]  # type: ignore[index]
    assert all(map(np.array_equal, expected, again))
    assert before[0] == after[0]
    assert np.array_equal(before[1], after[1])
    assert before[2] == after[2]


def test_what_one_transform_draws_says_nothing_of_the_next() -> None:
    """Were all started at the same number, every mirrored picture would be padded and no other."""
    image, white = textured(), np.array([255, 255, 255])
    both, seen = Augmenter(["flip", "pad"]), set()
    for seed in range(100):
        result = both(image, seed)
        if np.array_equal(result, image):
            seen.add("neither")
        elif np.array_equal(result, image[:, ::-1]):
            seen.add("flip")
        elif (result == white).all(axis=2).any():  # padded: which way round says the place of the smaller picture
            content = result[(result != white).any(axis=2).any(axis=1)][:, (result != white).any(axis=2).any(axis=0)]
            plain, mirrored = (_likeness(content, side) for side in (image, image[:, ::-1]))
            seen.add("pad" if plain > mirrored else "both")
    assert seen == {"neither", "flip", "pad", "both"}


def _likeness(small: np.ndarray, image: np.ndarray) -> float:
    rows, columns = (np.linspace(0, side - 1, 10).astype(int) for side in small.shape[:2])
    own = small[np.ix_(rows, columns)]
    rows, columns = (np.linspace(0, side - 1, 10).astype(int) for side in image.shape[:2])
    return float(np.corrcoef(own.ravel(), image[np.ix_(rows, columns)].ravel())[0, 1])


def test_names_may_come_in_any_order_and_twice_but_not_unknown() -> None:
    one, other = Augmenter(["pad", "flip", "grey"]), Augmenter(["grey", "flip", "pad", "flip"])
    assert all(np.array_equal(one(textured(), seed), other(textured(), seed)) for seed in range(20))
    with pytest.raises(ValueError, match="not in tuple"):
        Augmenter(["mirror"])  # type: ignore[list-item]


def test_no_names_change_nothing() -> None:
    assert Augmenter([])(textured(), 3) is not None
    assert np.array_equal(Augmenter([])(textured(), 3), textured())


def test_flip_mirrors_half_of_the_time() -> None:
    changed = outcomes("flip", textured())
    assert all(np.array_equal(result, textured()[:, ::-1]) for result in changed)
    assert 18 < len(changed) < 42


def test_shift_moves_the_picture_a_little_and_repeats_its_border() -> None:
    image = np.full((96, 80, 3), 255, np.uint8)
    image[38:58, 30:50] = 0
    areas = []
    changed = outcomes("shift", image)
    assert len(changed) == len(SEEDS)
    for result in changed:
        rows, columns = np.nonzero(result[..., 0] < 128)
        areas.append(len(rows))
        assert abs(rows.mean() - 47.5) < 0.15 * 96
        assert abs(columns.mean() - 39.5) < 0.15 * 80
        ring = np.concatenate([result[0], result[-1], result[:, 0], result[:, -1]])
        assert (ring == 255).all()  # the border goes on, no black corners
    assert 0.6 * 400 < min(areas) < 0.8 * 400 < 1.05 * 400 < max(areas) < 1.25 * 400


def test_pad_keeps_the_whole_picture_smaller_on_plain_paper() -> None:
    image = np.full((96, 80, 3), 90, np.uint8)
    image[4:-4, 4:-4] = textured(1, 88, 72) // 2 + 100
    image[:6, :6], image[:6, -6:], image[-6:, :6], image[-6:, -6:] = (
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 0),
    )
    own = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]]).mean(axis=0).round().astype(np.uint8)
    papers = {(255, 255, 255): 0, (0, 0, 0): 0, (128, 128, 128): 0, tuple(own.tolist()): 0}
    heights = []
    for result in outcomes("pad", image):
        corners = [tuple(result[row, column].tolist()) for row in (0, -1) for column in (0, -1)]
        paper = max(papers, key=corners.count)
        papers[paper] += 1
        rows, columns = np.nonzero((result != paper).any(axis=2))
        content = result[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].astype(int)
        heights.append(len(content))
        assert len(content) / content.shape[1] == pytest.approx(96 / 80, rel=0.05)
        # all four coloured corners are there: nothing is cut off
        for row, column, colour in (
            (0, 0, (255, 0, 0)),
            (0, -1, (0, 255, 0)),
            (-1, 0, (0, 0, 255)),
            (-1, -1, (255, 255, 0)),
        ):
            assert np.abs(content[row, column] - colour).max() < 60
    assert min(papers.values()) > 0
    assert 0.44 * 96 < min(heights) < 0.6 * 96
    assert 0.85 * 96 < max(heights) <= 96


@pytest.mark.parametrize("colour", [PAPER, (4, 0, 2), (60, 120, 200)], ids=str)
def test_background_changes_only_the_plain_part_round_the_object(colour: tuple[int, int, int]) -> None:
    image = drawn(colour)
    changed = outcomes("background", image)
    assert len(changed) > 15
    rows, columns = np.ogrid[:96, :80]
    distance = np.hypot(rows - 45, columns - 30)
    inside, outside = distance < 22, distance > 28
    for result in changed:
        assert np.array_equal(result[inside], image[inside])  # the disc and the hole in it
        new, old = result[outside].astype(int), image[outside].astype(int)
        assert np.abs(new - old).max(axis=1).min() > 16  # everywhere
    flat = [result for result in changed if np.ptp(result[outside], axis=0).max() == 0]
    smooth = [result for result in changed if np.ptp(result[outside], axis=0).max() > 0]
    assert flat
    assert smooth
    for result in smooth:
        assert np.abs(np.diff(result[:15].astype(int), axis=1)).max() < 12
    assert len({tuple(result[0, 0].tolist()) for result in changed}) > 5


def test_background_leaves_pictures_without_a_plain_border_alone() -> None:
    assert outcomes("background", textured()) == []
    assert outcomes("background", np.full((96, 80, 3), 120, np.uint8)) == []  # nothing stands before it
    stripes = textured()
    stripes[:, :40] = 120  # half a border is none
    assert outcomes("background", stripes) == []


def test_bars_change_and_the_picture_between_them_does_not() -> None:
    image = textured()
    image[:20], image[-12:] = 2, 2
    image[30:40, 30:50] = 0  # black in the picture is no bar
    changed = outcomes("background", image)
    assert len(changed) > 15
    for result in changed:
        assert np.array_equal(result[23:-15], image[23:-15])
        assert result[:18].max() > 40
        assert result[-10:].max() > 40


def test_a_plain_background_between_bars_goes_with_them() -> None:
    image = np.zeros((120, 80, 3), np.uint8)
    image[12:-12] = drawn()
    image[[12, -13]] //= 2  # resizing left lines that are half bar
    changed = outcomes("background", image)
    assert len(changed) > 15
    for result in changed:
        assert np.array_equal(result[42:72, 15:45], image[42:72, 15:45])
        assert np.abs(np.diff(result[:, -1].astype(int), axis=0)).max() < 12  # no step where the bars were


def test_colour_changes_colours_and_not_the_drawing() -> None:
    image = textured()
    changed = outcomes("colour", image)
    assert len(changed) > 35
    for result in changed:
        assert np.corrcoef(image.mean(axis=2).ravel(), result.mean(axis=2).ravel())[0, 1] > 0.9
    means = np.array([result.mean(axis=(0, 1)) for result in changed])
    assert (means.std(axis=0) > 5).all()


def test_grey_pictures_have_equal_channels_and_the_rest_is_as_it_was() -> None:
    changed = outcomes("grey", textured())
    assert 3 < len(changed) < 25
    for result in changed:
        assert np.array_equal(result, np.repeat(result[..., :1], 3, axis=2))
        assert np.corrcoef(textured().mean(axis=2).ravel(), result[..., 0].ravel())[0, 1] > 0.8


def test_a_grey_picture_stays_grey() -> None:
    grey = np.repeat(drawn()[..., :1], 3, axis=2)
    augmenter = Augmenter(AUGMENTATIONS)
    for seed in range(100):
        result = augmenter(grey, seed)
        assert np.array_equal(result, np.repeat(result[..., :1], 3, axis=2))


def test_blur_softens_and_keeps_the_mean() -> None:
    image = textured()
    changed = outcomes("blur", image)
    assert 3 < len(changed) < 25

    def roughness(picture: np.ndarray) -> float:
        return float(np.square(np.diff(picture.astype(float), axis=1)).sum())

    for result in changed:
        assert 0.2 * roughness(image) < roughness(result) < roughness(image)
        assert result.mean() == pytest.approx(image.mean(), abs=1)


_WATCH = """
import socket, sys, urllib.request
asked = []
class Watched(socket.socket):
    def connect(self, *arguments):
        asked.append(arguments)
        raise OSError("no network")
socket.socket = Watched
socket.getaddrinfo = lambda *arguments, **more: asked.append(arguments) or []
urllib.request.OpenerDirector.open = lambda self, *arguments, **more: asked.append(arguments)
from tlk.data.augment import Augmenter
print("albumentations" in sys.modules, "torch" in sys.modules)
sys.modules["torch"] = None  # albumentations does without, and is there sooner
Augmenter([])
print("albumentations" in sys.modules)
Augmenter(["flip"])
print("albumentations" in sys.modules, asked)
"""


def test_albumentations_is_imported_when_needed_and_without_asking_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_ALBUMENTATIONS_UPDATE", raising=False)
    done = subprocess.run([sys.executable, "-c", _WATCH], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False False", "False", "True []"]
    assert done.stderr == ""
