"""Images without their bars and margins, for any embedder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tlk.data import borders
from tlk.embeddings.views import Embedder, View, digest


class Trimmed:
    """An embedder that sees of each image what its borders frame."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.parallel, self.places = embedder.parallel, embedder.places
        code = digest([Path(borders.__file__).read_bytes()])
        self.identity = digest([embedder.identity.encode(), code.encode()])
        self.views = tuple(
            View(f"{view.name} trimmed", (*view.made_from, ("borders", code))) for view in embedder.views
        )

    @property
    def batch_size(self) -> int:
        """How many images one pass of the embedder takes."""
        return self._embedder.batch_size

    def prepare(self, image: np.ndarray) -> Any:
        """Return what the embedder takes of a trimmed `(h, w, 3)` uint8 image."""
        return self._embedder.prepare(np.ascontiguousarray(borders.trim_borders(image)))

    def compute(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        """Return one `(b, d)` float32 array a view."""
        return self._embedder.compute(prepared)
