"""Views: the different vectors that one image has, each known by what it is made from."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class View:
    """One vector an image: a readable name, and everything that its values depend on."""

    name: str
    made_from: tuple[tuple[str, str], ...]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of what the view is made from."""
        return hashlib.blake2b(json.dumps([self.name, self.made_from]).encode(), digest_size=16).hexdigest()


class Embedder(Protocol):
    """Something that turns images into vectors, several views at once."""

    views: tuple[View, ...]
    parallel: int  # how many threads may compute at a time
    identity: str  # of weights or code: a head fits the embedder that it was trained with and no other
    places: tuple[int, ...]  # where each vector that a recipe names stands among the views of one orientation

    @property
    def batch_size(self) -> int:
        """How many images `compute` takes at a time."""

    def prepare(self, image: np.ndarray) -> Any:
        """Turn one `(h, w, 3)` uint8 image into what `compute` takes; called from worker threads."""

    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        """Return one `(b, d)` float32 array a view."""


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return `(…, d)` vectors scaled to length 1; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def digest(parts: Iterable[bytes]) -> str:
    """Return a hex fingerprint of `parts` in order."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        state.update(part)
    return state.hexdigest()
