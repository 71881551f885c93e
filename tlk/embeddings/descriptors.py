"""Hand-made descriptors: vectors of an image that need no pretrained weights."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from skimage.color import rgb2lab
from skimage.feature import hog, local_binary_pattern
from skimage.filters import threshold_otsu

from tlk.constants import GRADIENT_MAPS
from tlk.data.images import DECODER
from tlk.embeddings import gradient_maps as gradient_maps_module
from tlk.embeddings import patches as patches_module
from tlk.embeddings import schema
from tlk.embeddings.gradient_maps import gradient_maps
from tlk.embeddings.patches import CODEBOOK, patches
from tlk.embeddings.views import View, digest

Describe = Callable[[np.ndarray], np.ndarray]


class DescriptorEmbedder:
    """Views made of descriptors, of each image and of its mirror image."""

    batch_size = 64
    parallel = 1

    def __init__(self, names: Sequence[schema.Descriptor], mirrored: bool) -> None:
        self._describe = [DESCRIPTORS[name] for name in names]
        self.places = tuple(range(len(names)))
        self._mirrored = mirrored
        # The code itself is part of what a vector is made from: change a line here and the stored vectors are stale.
        files = (__file__, patches_module.__file__, gradient_maps_module.__file__, CODEBOOK)
        self.identity = digest([*(Path(file).read_bytes() for file in files), repr(GRADIENT_MAPS).encode()])
        libraries = f"scikit-image {version('scikit-image')}, OpenCV {cv2.__version__}, numpy {np.__version__}"
        sides = ("as is", "mirrored") if mirrored else ("as is",)
        self.views = tuple(
            View(
                f"descriptor {name} {side}",
                (("code", self.identity), ("decoder", DECODER), ("libraries", libraries), ("side", side)),
            )
            for side in sides
            for name in names
        )

    def prepare(self, image: np.ndarray) -> list[np.ndarray]:
        """Return the vectors of one `(h, w, 3)` uint8 image, in the order of `views`."""
        vectors = [describe(image) for describe in self._describe]
        if self._mirrored:
            mirror = np.ascontiguousarray(image[:, ::-1])
            vectors += [describe(mirror) for describe in self._describe]
        return vectors

    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        """Return one `(b, d)` float32 array a view."""
        return [np.stack(vectors).astype(np.float32) for vectors in zip(*prepared, strict=True)]


def gradients(side: int, cell: int, blur: float = 0, colour: bool = False) -> Describe:
    """Return a descriptor of oriented gradients in cells of a `side` × `side` image (Dalal and Triggs, 2005)."""

    def describe(image: np.ndarray) -> np.ndarray:
        small = _squash(image, side)
        if blur:
            small = cv2.GaussianBlur(small, (0, 0), blur)
        if not colour:
            small = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
        cells = {"orientations": 8, "pixels_per_cell": (cell, cell), "cells_per_block": (2, 2)}
        return np.asarray(hog(small, **cells, transform_sqrt=True, channel_axis=-1 if colour else None))

    return describe


def thumbnail(side: int) -> Describe:
    """Return a descriptor that is a `side` × `side` image in LAB, its lightness around zero."""

    def describe(image: np.ndarray) -> np.ndarray:
        lab: np.ndarray = rgb2lab(_squash(image, side))
        return np.asarray(lab - np.array([50, 0, 0])).ravel()

    return describe


def grey_layout(image: np.ndarray) -> np.ndarray:
    """Return a 20 × 20 grey image without its brightness and contrast."""
    grey = _grey(image, 20)
    return np.asarray((grey - grey.mean()) / (grey.std() + 5)).ravel()


def edge_layout(image: np.ndarray) -> np.ndarray:
    """Return an 18 × 18 map of how much edge there is where."""
    grey = _grey(image, 72)
    strength = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return np.asarray(cv2.resize(np.sqrt(strength), (18, 18), interpolation=cv2.INTER_AREA)).ravel() / 16


def profiles(image: np.ndarray) -> np.ndarray:
    """Return mean and deviation of every row and column: bars, margins and horizons."""
    grey = _grey(image, 48)
    return np.concatenate([grey.mean(0), grey.mean(1), grey.std(0), grey.std(1)]) / 64


def silhouette(image: np.ndarray) -> np.ndarray:
    """Return a 16 × 16 map of what stands out from the picture's border: the shape, whatever its colours."""
    lab: np.ndarray = rgb2lab(_squash(image, 64))
    border = np.concatenate([lab[0], lab[-1], lab[:, 0], lab[:, -1]])
    distance = np.linalg.norm(lab - np.median(border, axis=0), axis=2)
    inside = (distance > threshold_otsu(distance)).astype(np.float32)
    return np.asarray(cv2.resize(inside, (16, 16), interpolation=cv2.INTER_AREA)).ravel()


def texture(image: np.ndarray) -> np.ndarray:
    """Return uniform local binary patterns in 3 × 3 cells at two radii (Ojala, Pietikäinen and Mäenpää, 2002)."""
    grey = cv2.cvtColor(_squash(image, 96), cv2.COLOR_RGB2GRAY)
    parts = []
    for radius in (1, 2):
        patterns = local_binary_pattern(grey, 8, radius, "uniform").astype(np.int64)
        for cell in _cells(patterns, 3):
            parts.append(np.sqrt(np.bincount(cell.ravel(), minlength=10) / cell.size))
    return np.concatenate(parts)


def histogram(cells: int, bins: tuple[int, int, int]) -> Describe:
    """Return a descriptor of LAB histograms in `cells` × `cells` parts, square-rooted so that all bins have a say."""

    def describe(image: np.ndarray) -> np.ndarray:
        lab = rgb2lab(_squash(image, 64))
        counts = [
            np.histogramdd(part.reshape(-1, 3), bins=bins, range=((0, 100), (-70, 70), (-70, 70)))[0].ravel()
            for part in _cells(lab, cells)
        ]
        return np.sqrt(np.concatenate(counts) * cells**2 / 64**2)

    return describe


DESCRIPTORS: Mapping[schema.Descriptor, Describe] = {
    "gradients-12": gradients(96, 8),
    "gradients-8": gradients(96, 12, colour=True),
    "gradients-5": gradients(80, 16, blur=1.5, colour=True),
    "gradients-4": gradients(64, 16, blur=2),
    "thumbnail": thumbnail(12),
    "thumbnail-6": thumbnail(6),
    "grey-layout": grey_layout,
    "edge-layout": edge_layout,
    "silhouette": silhouette,
    "profiles": profiles,
    "texture": texture,
    "histogram": histogram(1, (6, 7, 7)),
    "histogram-2": histogram(2, (4, 5, 5)),
    "patches": patches,
    "gradient-maps": gradient_maps,
}


def _squash(image: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))


def _grey(image: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(cv2.cvtColor(_squash(image, side), cv2.COLOR_RGB2GRAY)).astype(np.float32)


def _cells(array: np.ndarray, count: int) -> list[np.ndarray]:
    """Cut a square array into `count` × `count` parts."""
    rows = np.split(array, count, axis=0)
    return [cell for row in rows for cell in np.split(row, count, axis=1)]
