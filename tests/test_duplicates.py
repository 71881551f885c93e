"""Copies must be found whatever was done to them, strangers never, and each image may be looked at only once."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tlk.duplicates import DuplicatePairs, find_duplicates, group_duplicates, group_pairs
from tlk.duplicates.geometry import is_plausible, match_descriptors
from tlk.duplicates.keypoints import detect_keypoints, mirror_keypoints

HEIGHT, WIDTH = 245, 200


def draw(seed: int) -> np.ndarray:
    """A picture with structure at several scales: blotches, then shapes."""
    rng = np.random.default_rng(seed)
    image = np.zeros((HEIGHT, WIDTH, 3))
    for cells, strength in ((6, 60), (24, 30), (64, 12)):
        noise = rng.normal(0, strength, (cells, cells, 3))
        image += cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image = np.ascontiguousarray(np.clip(image + 128, 0, 255).astype(np.uint8))
    for _ in range(25):
        x, y, size, angle = (int(value) for value in rng.integers((0, 0, 4, 0), (WIDTH, HEIGHT, 30, 180)))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        cv2.ellipse(image, (x, y), (size, 3 + size // 3), angle, 0, 360, colour, -1, cv2.LINE_AA)
    return image


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def crop(image: np.ndarray) -> np.ndarray:
    return resize(image[25:225, 20:180], WIDTH, HEIGHT)


def mirror(image: np.ndarray) -> np.ndarray:
    return image[:, ::-1]


def shrink(image: np.ndarray) -> np.ndarray:
    return resize(image, 130, 160)


def enlarge(image: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(image, (418, 512), interpolation=cv2.INTER_CUBIC))


def reencode(image: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR))


def add_bars(image: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.copyMakeBorder(resize(image, WIDTH, 165), 40, 40, 0, 0, cv2.BORDER_CONSTANT))


def brighten(image: np.ndarray) -> np.ndarray:
    return np.clip(image * 0.7 + 60, 0, 255).astype(np.uint8)


def crop_and_mirror(image: np.ndarray) -> np.ndarray:
    return reencode(np.ascontiguousarray(mirror(crop(image))))


EDITS = (crop, mirror, shrink, enlarge, reencode, add_bars, brighten, crop_and_mirror)


def pairs_of(found: DuplicatePairs) -> list[tuple[int, int]]:
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True))


@pytest.fixture(scope="module")
def edited() -> DuplicatePairs:
    """What is found among strangers 0, 1, 2 … and, after them, one edit of each."""
    originals = [draw(seed) for seed in range(len(EDITS))]
    return find_duplicates([*originals, *(edit(image) for edit, image in zip(EDITS, originals, strict=True))])


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_an_edited_copy_is_found(edited, edit):
    place = EDITS.index(edit)
    assert (place, place + len(EDITS)) in pairs_of(edited)


def test_nothing_else_is_found(edited):
    assert pairs_of(edited) == [(place, place + len(EDITS)) for place in range(len(EDITS))]
    assert not edited.exact.any()
    assert (edited.inliers >= 34).all()


def test_mirror_images_are_called_so(edited):
    assert edited.mirrored.tolist() == [edit in (mirror, crop_and_mirror) for edit in EDITS]


def test_a_higher_bar_finds_less():
    images = [draw(0), crop(draw(0))]
    assert len(find_duplicates(images)) == 1
    assert len(find_duplicates(images, minimum_inliers=300)) == 0


def test_the_same_images_give_the_same_pairs():
    images = [draw(0), draw(1), crop(draw(0)), add_bars(draw(1))]
    one, two = find_duplicates(images), find_duplicates(images)
    for field in ("first", "second", "inliers", "mirrored", "exact"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))


def test_flat_images_are_compared_as_thumbnails():
    slope = np.linspace(60, 200, WIDTH)[None, :, None]
    slope = np.broadcast_to(slope, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    grey, white = np.full((HEIGHT, WIDTH, 3), 128, np.uint8), np.full((50, 70, 3), 255, np.uint8)
    images = [grey, slope, grey[:90, :90], reencode(shrink(slope)), white, mirror(slope), grey]
    found = find_duplicates(images)
    assert pairs_of(found) == [(0, 2), (0, 6), (1, 3), (1, 5), (2, 6), (3, 5)]
    assert found.mirrored.tolist() == [False, False, False, True, False, True]
    assert not found.inliers.any()


def test_equal_keys_are_exact_and_near_duplicates_are_not():
    images = [draw(0), draw(1), draw(0), crop(draw(0))]
    found = find_duplicates(images, np.array([b"a" * 16, b"b" * 16, b"a" * 16, b"c" * 16], dtype="S16"))
    assert pairs_of(found) == [(0, 2), (0, 3), (2, 3)]
    assert found.exact.tolist() == [True, False, False]


def test_none_and_one():
    for images in ([], [draw(0)], [np.zeros((1, 1, 3), np.uint8)]):
        found = find_duplicates(images, np.zeros(len(images), "S16"))
        assert len(found) == 0
        assert found.first.dtype == found.inliers.dtype == np.int64
        assert found.mirrored.dtype == found.exact.dtype == bool


@pytest.mark.parametrize("shape", [(1, 1), (3, 512), (512, 3), (15, 15), (17, 40)])
def test_small_and_thin_images_are_taken(shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert pairs_of(find_duplicates([image, draw(0), image])) == [(0, 2)]


def test_each_image_is_taken_once_and_reported():
    taken: list[int] = []
    seen: list[int] = []

    def images() -> Iterator[np.ndarray]:
        for seed in range(3):
            assert seen == taken
            taken.append(seed + 1)
            yield draw(seed)

    find_duplicates(images(), progress=seen.append)
    assert taken == seen == [1, 2, 3]


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), "u1")]
)
def test_other_arrays_are_refused(image):
    with pytest.raises(ValueError, match=r"image 1: \(h, w, 3\) uint8 expected"):
        find_duplicates([np.zeros((9, 9, 3), np.uint8), image])


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="1 keys for 2 images"):
        find_duplicates([draw(0), draw(1)], np.zeros(1, "S16"))
    with pytest.raises(ValueError, match="minimum_inliers is 3"):
        find_duplicates([], minimum_inliers=3)


def test_mirrored_keypoints_are_those_of_the_mirror_image():
    grey = cv2.cvtColor(draw(0), cv2.COLOR_RGB2GRAY)
    expected = detect_keypoints(np.ascontiguousarray(grey[:, ::-1]))
    mirrored = mirror_keypoints(detect_keypoints(grey), WIDTH)
    gaps = np.hypot(*(mirrored[axis][:, None] - expected[axis] for axis in ("x", "y")))
    near = np.flatnonzero(gaps.min(1) < 1)
    assert len(near) > 0.8 * len(mirrored)
    unlike = np.abs(mirrored["descriptor"][:, None].astype(int) - expected["descriptor"]).sum(2)
    unlike[gaps >= 1] = 10**6  # one place may have several directions: the likest counts
    assert np.median(unlike[near].min(1)) < 400  # of some 3,000 between unrelated ones


def test_matches_are_mutual_and_clear():
    east, north, nearly_north = np.array([[1, 0], [0, 1], [0.1, 0.995]], np.float32)
    rows, columns = match_descriptors(np.stack([east, north]), np.stack([north, east]))
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 0])
    rows, columns = match_descriptors(np.stack([east, nearly_north]), np.stack([north, north, east]))
    assert (rows.tolist(), columns.tolist()) == ([0], [2])  # two equally good: no match
    for first, second in ((0, 2), (2, 0), (2, 1)):
        rows, columns = match_descriptors(np.ones((first, 2), np.float32), np.ones((second, 2), np.float32))
        assert len(rows) == len(columns) == 0


@pytest.mark.parametrize(
    ("linear", "plausible"),
    [
        ([[1, 0], [0, 1]], True),
        ([[0, -1], [1, 0]], True),  # a quarter turn
        ([[0.5, 0], [0, 0.4]], True),
        ([[-1, 0], [0, 1]], False),  # reflections have keypoints of their own
        ([[0.1, 0], [0, 0.1]], False),
        ([[6, 0], [0, 6]], False),
        ([[2, 0], [0, 0.8]], False),
    ],
)
def test_plausible_maps(linear, plausible):
    assert is_plausible(np.hstack([np.array(linear, float), [[7.0], [9.0]]])) is plausible


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_labels_are_those_of_a_naive_union_find(case):
    count, links = case
    leader = list(range(count))
    for one, other in links:
        old, new = leader[one], leader[other]
        leader = [new if label == old else label for label in leader]
    order: dict[int, int] = {}
    expected = [order.setdefault(label, len(order)) for label in leader]
    first, second = np.array(links, np.int64).reshape(-1, 2).T
    assert group_duplicates(count, first, second).tolist() == expected


def test_no_things_have_no_groups():
    nothing = np.empty(0, np.int64)
    assert group_duplicates(0, nothing, nothing).tolist() == []
    with pytest.raises(ValueError, match="outside 0 to 1"):
        group_duplicates(2, np.array([0]), np.array([2]))
    with pytest.raises(ValueError, match="1 first positions but 2 second ones"):
        group_duplicates(2, np.array([0]), np.array([1, 1]))


def duplicates_of(*pairs: tuple[int, int]) -> DuplicatePairs:
    first, second = np.array(pairs, np.int64).reshape(-1, 2).T
    flags = np.zeros(len(pairs), bool)
    return DuplicatePairs(first, second, np.zeros(len(pairs), np.int64), flags, flags)


def test_pairs_share_a_group_when_any_of_their_images_are_duplicates():
    lefts, rights = np.arange(4), np.arange(4, 8)
    assert group_pairs(lefts, rights, duplicates_of()).tolist() == [0, 1, 2, 3]
    assert group_pairs(lefts, rights, duplicates_of((1, 3))).tolist() == [0, 1, 2, 1]  # left and left
    assert group_pairs(lefts, rights, duplicates_of((0, 7), (2, 7))).tolist() == [0, 1, 0, 0]  # left and right, a chain
    assert group_pairs(lefts, rights, duplicates_of((1, 9), (2, 9))).tolist() == [0, 1, 1, 2]  # through a third image
    assert group_pairs(lefts, np.array([4, 4, 6, 7]), duplicates_of()).tolist() == [0, 0, 1, 2]  # one image, two pairs
    assert group_pairs(lefts[:0], rights[:0], duplicates_of()).tolist() == []
