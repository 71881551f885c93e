"""What compares the images of a search: the models of a run, each in the space of its own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tlk.data.reader import ImageReader
from tlk.scoring.best_of_blocks import best_of_blocks
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.run_embeddings import RunEmbeddings, views_of
from tlk.workflows.workspace import Workspace

_BLOCK = 2048  # images of the gallery: a spatial encoding of each is half a gigabyte


@dataclass(frozen=True)
class Images:
    """The images of a search: the first `gallery` of the paths are to be found, by the queries at `queries`."""

    reader: ImageReader
    paths: list[str]
    keys: np.ndarray
    gallery: int
    queries: np.ndarray


class Space(Protocol):
    """Compares images."""

    name: str  # for people

    def lacking(self, keys: np.ndarray) -> np.ndarray:
        """Return the positions of the content keys whose images would have to be decoded."""

    def nearest(self, images: Images, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the `(n, k)` gallery images most alike to each query, most alike first, and their similarities."""


class RunSpace:
    """All models of a run: the mean of their similarities, each in the deviations that its out-of-fold scores have.

    An ensemble's members count with their weights besides. The gallery passes by in blocks, read from the store: torch
    is needed for what the store lacks, and for a similarity that a model has learned.
    """

    def __init__(self, run: Run, workspace: Workspace, device: str, reporter: Reporter) -> None:
        self.name = f"run {run.name}"
        self._workspace, self._device, self._reporter = workspace, device, reporter
        shares = list(_shares(run, 1.0))
        whole = sum(share for _, own in shares for share in own)
        scaled = [(member, [share / whole for share in own]) for member, own in shares]
        self._by_cosine = [(member, own) for member, own in scaled if member.gives_embeddings()]
        self._by_verdict = [(member, own) for member, own in scaled if not member.gives_embeddings()]

    def lacking(self, keys: np.ndarray) -> np.ndarray:
        """Return the positions of the content keys whose images would have to be decoded."""
        if self._by_verdict:
            return np.arange(len(keys))
        views = [view for run, _ in self._by_cosine for view in views_of(run)]
        return self._workspace.store().lacking(views, keys)

    def nearest(self, images: Images, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the `(n, k)` gallery images most alike to each query, most alike first, and their similarities.

        Raises:
            UserError: an image cannot be read, or a backbone or a model is not what the run was trained with.
        """
        stored = []
        for run, shares in self._by_cosine:
            embeddings = RunEmbeddings(run, images.paths, images.keys, self._workspace)
            embeddings.compute(images.reader, self._device, self._reporter)
            queries = [embeddings.read(view, images.queries) for view in embeddings.views]
            stored.append((embeddings, [share * own for share, own in zip(shares, queries, strict=True)]))
        return best_of_blocks((self._block(images, stored, part) for part in _parts(images.gallery)), k)

    def _block(
        self, images: Images, stored: Sequence[tuple[RunEmbeddings, list[np.ndarray]]], part: np.ndarray
    ) -> np.ndarray:
        """Return the `(n, c)` similarities of the queries with a part of the gallery."""
        total = np.zeros((len(images.queries), len(part)))
        for embeddings, queries in stored:
            for view, own in zip(embeddings.views, queries, strict=True):
                total += own @ embeddings.read(view, part).T
        for run, shares in self._by_verdict:
            total += self._verdicts(run, shares, images, part)
        return total

    def _verdicts(self, run: Run, shares: list[float], images: Images, part: np.ndarray) -> np.ndarray:
        from tlk.workflows.run_models import embeddings_and_scorers

        count = len(images.queries)
        paths = [images.paths[i] for i in (*images.queries, *part)]
        models = embeddings_and_scorers(run, images.reader, paths, self._workspace, self._device, self._reporter)
        total = np.zeros((count, len(part)))
        for share, (embeddings, scorer) in zip(shares, models, strict=True):
            total += share * scorer.similarity(embeddings[:count], embeddings[count:])
        return total


def _shares(run: Run, weight: float) -> Iterator[tuple[Run, list[float]]]:
    """Yield the runs of single recipes that a run consists of, each with what its models' similarities count."""
    blend = run.blend()
    if blend is not None:
        for member in blend.members:
            if member.weight:  # else it helped in some folds alone
                yield from _shares(run.member(member.run), weight * member.weight)
        return
    deviations, count = np.array(run.calibration().deviations), len(run.models())
    scales = deviations if len(deviations) == count else [deviations.mean()]
    yield run, [weight / (float(scale) * count) for scale in scales]


def _parts(count: int) -> list[np.ndarray]:
    return [np.arange(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK)]
