"""Augmentations: other looks of one picture, each drawn from a seed."""

import os
import random
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Literal, get_args

import cv2
import numpy as np

# In the order in which they are applied, however they are named: a plain background has to be seen before the others
# change the border.
Augmentation = Literal["background", "pad", "flip", "shift", "colour", "grey", "blur"]
AUGMENTATIONS: tuple[Augmentation, ...] = get_args(Augmentation)

Change = Callable[[np.ndarray, random.Random], np.ndarray]

_SMALLEST = 0.45  # of a side: how far `pad` shrinks a picture
_EVEN = 16  # of 255 in every channel: what differs no more from a border's median belongs to a plain background
_PLAIN_SHARE = 0.7  # of the border: shoulders may cut the lower edge
_BLACK = 24  # of 255: no channel of a black bar is brighter
_BACKGROUND = 0.04, 0.85  # of the picture, from and to: outside this either it or what stands before it is hardly seen
_CONTRAST = 48  # of 255: a new background differs this much from the old one, and from the rest, in some channel
_PAPER = ((255, 255, 255), (0, 0, 0), (128, 128, 128))


class Augmenter:
    """Changes pictures in the ways of `names`; the same picture and seed give the same result in any thread."""

    def __init__(self, names: Sequence[Augmentation]) -> None:
        self._names = sorted(set(names), key=AUGMENTATIONS.index)
        self._local = threading.local()  # a pipeline holds its random state, so each thread has its own
        if self._names:
            _library()  # here, because this one thread is alone

    def __call__(self, image: np.ndarray, seed: int) -> np.ndarray:
        """Return a changed copy of an `(h, w, 3)` uint8 RGB image, of the same shape; `seed` is 0 or more.

        Where nothing is to be changed the result may be `image` itself.
        """
        if not self._names:
            return image
        if not hasattr(self._local, "pipeline"):
            self._local.pipeline = _library().Compose([_transform(name) for name in self._names])
        # One stream through all transforms. The library's own set_random_seed starts each of them at the same number,
        # and what is mirrored would always be padded as well.
        self._local.pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
        return np.asarray(self._local.pipeline(image=image)["image"])


def pad(image: np.ndarray, draw: random.Random) -> np.ndarray:
    """Return the whole picture, smaller, somewhere on a plain background: paper, or the mean colour of its border."""
    height, width = image.shape[:2]
    scale = draw.uniform(_SMALLEST, 1)
    small = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = draw.randint(0, height - small[0]), draw.randint(0, width - small[1])
    own = tuple(_border(image).mean(axis=0).round().astype(int).tolist())
    page = np.empty_like(image)
    page[:] = draw.choice((*_PAPER, own))
    page[top : top + small[0], left : left + small[1]] = cv2.resize(image, small[::-1], interpolation=cv2.INTER_AREA)
    return page


def background(image: np.ndarray, draw: random.Random) -> np.ndarray:
    """Return the picture with another plain background, or a soft gradient; without a plain border, as it is."""
    region = _plain_region(image)
    if not _BACKGROUND[0] <= region.mean() <= _BACKGROUND[1]:
        return image
    # Softened by a pixel, so that no rim of the old colour is left around what stays.
    share = cv2.GaussianBlur(cv2.dilate(region, np.ones((3, 3), np.uint8)).astype(np.float32), (3, 3), 0)[..., None]
    changed = image + share * (_backdrop(image, region, draw) - image)
    return np.asarray(np.rint(changed).astype(np.uint8))


def _plain_region(image: np.ndarray) -> np.ndarray:
    """Return an `(h, w)` uint8 mask of black bars, and of the background between them if that is plain."""
    region = np.ones(image.shape[:2], np.uint8)
    inside = _between_bars(image)
    region[inside] = 0
    border = _border(image[inside])
    colour = np.median(border, axis=0)
    plain = (np.abs(border - colour).max(axis=1) <= _EVEN).mean() >= _PLAIN_SHARE
    # Where black goes on between the bars they are no bars, and what stands before it may touch the border at length.
    if plain or (region.any() and colour.max() <= _BLACK):
        region[inside] = _connected_to_border(image[inside], colour)
    return region


def _between_bars(image: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of the picture without the black bars that brought it to a common shape."""
    bright = image.max(axis=2) > _BLACK
    parts = []
    for axis in (1, 0):
        lines = np.flatnonzero(bright.mean(axis=axis) > 0.02)
        last = bright.shape[1 - axis] - 1
        first, end = (lines[0], lines[-1]) if len(lines) > 4 else (0, last)
        parts.append(slice(first + (first > 0), end + (end == last)))  # without the line that is half black
    return parts[0], parts[1]


def _connected_to_border(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return an `(h, w)` uint8 mask of what is about `colour` and can be reached from outside the picture."""
    alike = cv2.inRange(image, np.clip(colour - _EVEN, 0, 255), np.clip(colour + _EVEN, 0, 255))
    page = cv2.copyMakeBorder(alike, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=255)
    cv2.floodFill(page, None, (0, 0), 1)
    return np.asarray(page[1:-1, 1:-1] == 1).astype(np.uint8)


def _backdrop(image: np.ndarray, region: np.ndarray, draw: random.Random) -> np.ndarray:
    """Return a float32 `(h, w, 3)` backdrop, or one colour that broadcasts to it; grey pictures keep to greys."""
    present = np.stack([np.median(image[region == part], axis=0) for part in (0, 1)])
    grey = np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 1], image[..., 2])
    first, second = _new_colour(present, grey, draw), _new_colour(present, grey, draw)
    if draw.random() < 0.5:
        return first
    angle = draw.uniform(0, 2 * np.pi)
    rows, columns = (np.linspace(-0.5, 0.5, side, dtype=np.float32) for side in image.shape[:2])
    way = np.float32(np.cos(angle)) * columns + np.float32(np.sin(angle)) * rows[:, None]
    share = (way - way.min()) / max(float(np.ptp(way)), 1e-6)
    return np.asarray(first + share[..., None] * (second - first))


def _new_colour(present: np.ndarray, grey: bool, draw: random.Random) -> np.ndarray:
    """Return a colour, paper or any, that can be told from the `(n, 3)` ones `present`."""
    level = draw.randint(0, 255)
    other = (level,) * 3 if grey else (level, draw.randint(0, 255), draw.randint(0, 255))
    choice = [colour for colour in (*_PAPER, other, other) if np.abs(present - colour).max(axis=1).min() >= _CONTRAST]
    return np.array(draw.choice(choice), np.float32)


def _border(image: np.ndarray) -> np.ndarray:
    """Return the `(n, 3)` outermost pixels as integers that can be subtracted."""
    sides = image[0], image[-1], image[1:-1, 0], image[1:-1, -1]
    return np.concatenate(sides).astype(np.int16)


def _transform(name: Augmentation) -> Any:
    """Return a new transform of albumentations for `name`."""
    library = _library()
    makers: dict[Augmentation, Callable[[], Any]] = {
        "background": lambda: _drawn()(background, p=0.5),
        "pad": lambda: _drawn()(pad, p=0.5),
        "flip": lambda: library.HorizontalFlip(p=0.5),
        "shift": lambda: library.Affine(
            scale=(0.8, 1.1),
            rotate=(-9, 9),
            translate_percent=(-0.12, 0.12),
            keep_ratio=True,
            border_mode=cv2.BORDER_REPLICATE,
            p=1,
        ),
        "colour": lambda: library.ColorJitter((0.75, 1.25), (0.75, 1.25), (0.65, 1.35), (-0.03, 0.03), p=0.8),
        "grey": lambda: library.ToGray(p=0.2),
        "blur": lambda: library.GaussianBlur(sigma_limit=(0.3, 1.2), p=0.2),
    }
    return makers[name]()


@cache
def _drawn() -> Any:
    """Return the transform class that applies a `Change` with the random state of the pipeline."""

    class Drawn(_library().ImageOnlyTransform):  # type: ignore[misc]
        def __init__(self, change: Change, p: float) -> None:
            super().__init__(p=p)
            self._change = change

        def apply(self, img: np.ndarray, **params: Any) -> np.ndarray:
            return self._change(img, self.py_random)

    return Drawn


def _library() -> Any:
    """Import albumentations, which is slow and would ask the network whether there is a newer one."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations
