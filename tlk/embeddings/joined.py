"""Several embedders as one: an image is decoded once for all of them."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from tlk.embeddings.views import Embedder, View, digest

_Item = TypeVar("_Item")


class Joined:
    """The views of several embedders, orientation by orientation, as each of them gives its own."""

    def __init__(self, embedders: Sequence[Embedder], orientations: int) -> None:
        self._embedders = embedders
        self._orientations = orientations
        self.parallel = max(embedder.parallel for embedder in embedders)
        self.identity = digest(embedder.identity.encode() for embedder in embedders)
        self.places = self._places()
        self.views: tuple[View, ...] = tuple(self._in_order([embedder.views for embedder in embedders]))

    @property
    def batch_size(self) -> int:
        """How many images one pass takes: as many as the most modest of the embedders."""
        return min(embedder.batch_size for embedder in self._embedders)

    def prepare(self, image: np.ndarray) -> tuple[Any, ...]:
        """Return what each embedder takes of one `(h, w, 3)` uint8 image."""
        return tuple(embedder.prepare(image) for embedder in self._embedders)

    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        """Return one `(b, d)` float32 array a view."""
        own = zip(self._embedders, zip(*prepared, strict=True), strict=True)
        return self._in_order([embedder.compute(parts) for embedder, parts in own])

    def _places(self) -> tuple[int, ...]:
        places: list[int] = []
        before = 0
        for embedder in self._embedders:
            places += [before + place for place in embedder.places]
            before += len(embedder.views) // self._orientations
        return tuple(places)

    def _in_order(self, groups: Sequence[Sequence[_Item]]) -> list[_Item]:
        """Return the first orientation of every group, then the second."""
        found: list[_Item] = []
        for turn in range(self._orientations):
            for group in groups:
                size = len(group) // self._orientations
                found += group[turn * size : (turn + 1) * size]
        return found
