"""Sight by what cannot be differentiated: grey patches are slid over each picture, and the similarity watched.

Source: Zeiler and Fergus, *Visualizing and Understanding Convolutional Networks*, 2014.
"""

from collections.abc import Callable, Iterator
from functools import partial

import cv2
import numpy as np
import torch
from torch import Tensor

from tlk.embeddings.schema import EmbeddingParameters
from tlk.embeddings.views import Embedder
from tlk.workflows.explain_cells import gradient_cells
from tlk.workflows.explain_loading import Loader, given_for
from tlk.workflows.explain_sight import Seen, scaled
from tlk.workflows.progress import Reporter, Step

_STEPS, _ACROSS = 10, 2  # steps along a side, and how many of them a patch covers
_ROWS = _STEPS + _ACROSS - 1
_GREY = 128

Cells = Callable[[np.ndarray], np.ndarray]


class OcclusionSight:
    """What any embedder and the head that `load` gives make of pictures; `cells` tell regions apart."""

    how = (
        "Saliency: how far the similarity drops when a grey patch covers the place "
        "(descriptors have no gradient; each picture on a scale of its own)."
    )

    def __init__(
        self,
        embedder: Embedder,
        parameters: EmbeddingParameters,
        load: Loader,
        device: torch.device,
        reporter: Reporter,
        cells: Cells | None = None,
    ) -> None:
        self._embedder = embedder
        self._orientations = 2 if parameters.mirrored else 1
        self._device = device
        self._reporter = reporter
        self._cells = cells or gradient_cells
        self.regions = "the backbone's last feature map" if cells else "oriented gradients and colours"
        views = self._views([np.zeros((64, 64, 3), np.uint8)])
        sizes = [view.shape[1] for view in views[: len(views) // self._orientations]]
        self.model = load(given_for(parameters, sizes, embedder.places)).to(device).eval()

    def cells(self, picture: np.ndarray) -> np.ndarray:
        """Return `(c, h, w)` maps whose cells tell what is where."""
        return self._cells(picture)

    @torch.no_grad()
    def look(self, left: np.ndarray, right: np.ndarray) -> Seen:
        """Return how alike the pictures are, and how far that drops without each of their places."""
        first, second = self._embed([left])[0], self._embed([right])[0]
        similarity = float(self.model.compare(first, second))
        maps: list[np.ndarray] = []
        with self._reporter.track("covering") as progress:
            for picture, other in ((left, second), (right, first)):
                step = partial(_step, progress, len(maps) * _ROWS)
                maps.append(self._drops(picture, other, similarity, step))
        return Seen(similarity, maps[0], maps[1])

    def _drops(
        self, picture: np.ndarray, other: Tensor, similarity: float, progress: Callable[[int], None]
    ) -> np.ndarray:
        """Return the `(h, w)` mean drop, from 0 to 1, over the patches that cover a place."""
        drops, covered = (np.zeros(picture.shape[:2], np.float32) for _ in range(2))
        for row, boxes in enumerate(_rows_of_boxes(*picture.shape[:2])):
            alike = self.model.compare(self._embed([_without(picture, box) for box in boxes]), other[None])
            for box, value in zip(boxes, alike.cpu().numpy(), strict=True):
                drops[box] += max(similarity - float(value), 0)
                covered[box] += 1
            progress(row + 1)
        softness = max(drops.shape) / _STEPS / 2  # the patches' edges are no edges of the picture
        return scaled(cv2.GaussianBlur(drops / covered.clip(1), (0, 0), softness))

    def _embed(self, pictures: list[np.ndarray]) -> Tensor:
        """Return the `(n, e)` embeddings of pictures."""
        vectors = np.concatenate(self._views(pictures), axis=1).reshape(len(pictures), self._orientations, -1)
        return self.model.embed(self.model.reduce(torch.from_numpy(vectors).to(self._device)))

    def _views(self, pictures: list[np.ndarray]) -> list[np.ndarray]:
        most = self._embedder.batch_size
        parts = [
            self._embedder.compute([self._embedder.prepare(picture) for picture in pictures[at : at + most]])
            for at in range(0, len(pictures), most)
        ]
        return [np.concatenate(views) for views in zip(*parts, strict=True)]


def _step(progress: Step, before: int, done: int) -> None:
    progress(before + done, 2 * _ROWS)


def _rows_of_boxes(height: int, width: int) -> Iterator[list[tuple[slice, slice]]]:
    """Yield the patches' places row by row; those at the edges reach over them, so that all places count alike."""
    downs, acrosses = (_spans(side) for side in (height, width))
    for down in downs:
        yield [(down, across) for across in acrosses]


def _spans(side: int) -> list[slice]:
    edges = np.unique(np.linspace(0, side, _STEPS + 1).round().astype(int))  # fewer in a picture of a few pixels
    last = len(edges) - 1
    starts = range(1 - _ACROSS, last)  # so many as there are rows
    return [slice(edges[max(at, 0)], edges[min(at + _ACROSS, last)]) for at in starts]


def _without(picture: np.ndarray, box: tuple[slice, slice]) -> np.ndarray:
    covered = picture.copy()
    covered[box] = _GREY
    return covered
