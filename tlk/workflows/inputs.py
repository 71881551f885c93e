"""From a recipe to what its model is given: stored embeddings, or pixels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from tlk.data.images import DECODER
from tlk.data.reader import ImageReader
from tlk.embeddings.embed import Announce, Share, embed, fill
from tlk.embeddings.joined import Joined
from tlk.embeddings.schema import EmbeddingParameters
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import Embedder, digest
from tlk.errors import UserError
from tlk.files import in_bytes
from tlk.memory import keep_freed_memory
from tlk.models.base import Given
from tlk.processes import local_rank, world_size
from tlk.recipe_schema import PixelParameters, Recipe
from tlk.training.inputs import EmbeddingInputs, Inputs, PixelInputs
from tlk.workflows.progress import Reporter


class InputMaker(Protocol):
    """Turns the images at some paths into a model's inputs."""

    identity: str  # of weights or code: a model fits the inputs that it was trained with and no others

    def fill(
        self, reader: ImageReader, paths: Sequence[str], store: VectorStore, reporter: Reporter, share: Share
    ) -> None:
        """Compute ahead of time what a share of the images lack: one of several processes does its part."""

    def make(
        self, reader: ImageReader, paths: Sequence[str], store: VectorStore, reporter: Reporter
    ) -> tuple[Inputs, Given]:
        """Return the inputs, numbered as `paths` are, and what a model for them is built for."""


def input_maker(recipe: Recipe, device: torch.device, exports: Path) -> InputMaker:
    """Return what makes a recipe's inputs; exported networks are kept in the folder `exports`.

    Raises:
        UserError: its backbone cannot be had.
    """
    if recipe.pixels is not None:
        return _Pixels(recipe.pixels)
    assert recipe.embedding is not None  # noqa: S101  # the recipe has checked it
    return _Embeddings(recipe.embedding, build_embedder(recipe.embedding, device, exports))


def choose_device(name: str) -> torch.device:
    """Return the device called `name`: auto, cpu, cuda or mps.

    Raises:
        UserError: this machine has no such device.
    """
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if available[device])
    if not available.get(name, False):
        there = ", ".join(device for device, here in available.items() if here)
        raise UserError(f"--device {name}: this machine has {there}\ntake one of these, or auto")
    if name == "cpu":
        keep_freed_memory()
    if name == "cuda" and world_size() > 1:  # each process of a machine has a GPU of its own
        return torch.device("cuda", local_rank() % torch.cuda.device_count())
    return torch.device(name)


def build_embedder(parameters: EmbeddingParameters, device: torch.device, exports: Path) -> Embedder:
    """Return what turns images into the views that a recipe names; exported networks are kept in `exports`.

    Raises:
        UserError: the backbone cannot be had.
    """
    embedders: list[Embedder] = []
    if parameters.backbone is not None:
        from tlk.embeddings.backbone import BackboneEmbedder

        embedders.append(
            BackboneEmbedder(
                parameters.backbone, parameters.views, parameters.mirrored, device, exports, parameters.size
            )
        )
    if parameters.descriptors:
        from tlk.embeddings.descriptors import DescriptorEmbedder

        embedders.append(DescriptorEmbedder(parameters.descriptors, parameters.mirrored))
    whole = embedders[0] if len(embedders) == 1 else Joined(embedders, 2 if parameters.mirrored else 1)
    if not parameters.trimmed:
        return whole
    from tlk.embeddings.trimmed import Trimmed

    return Trimmed(whole)


def announcement(store: VectorStore, reporter: Reporter) -> Announce:
    """Return what says how much disk an embedding is going to take."""

    def announce(images: int, size: int) -> None:
        room = f"where {in_bytes(store.free())} are free"
        reporter.note(f"embedding {images} images: {in_bytes(size)} of vectors in {store.folder}, {room}")

    return announce


class _Embeddings:
    def __init__(self, parameters: EmbeddingParameters, embedder: Embedder) -> None:
        self._parameters = parameters
        self._embedder = embedder
        self.identity = embedder.identity

    def fill(
        self, reader: ImageReader, paths: Sequence[str], store: VectorStore, reporter: Reporter, share: Share
    ) -> None:
        with reporter.track("embedding") as progress:
            fill(self._embedder, reader, paths, store, progress, announcement(store, reporter), share)

    def make(
        self, reader: ImageReader, paths: Sequence[str], store: VectorStore, reporter: Reporter
    ) -> tuple[Inputs, Given]:
        with reporter.track("embedding") as progress:
            views = embed(self._embedder, reader, paths, store, progress, announcement(store, reporter))
        orientations = 2 if self._parameters.mirrored else 1
        sizes = tuple(view.shape[1] for view in views[: len(views) // orientations])
        # The views come orientation by orientation, as they lie here; in half precision, as they are stored.
        vectors = np.concatenate(views, axis=1).reshape(len(paths), orientations, sum(sizes))
        stage = next((view.at for view in self._parameters.views if view.maps), None)
        given = Given(sizes, self._parameters.backbone, stage, places=self._embedder.places)
        return EmbeddingInputs(torch.from_numpy(vectors)), given


class _Pixels:
    def __init__(self, parameters: PixelParameters) -> None:
        self._parameters = parameters
        self.identity = digest([DECODER.encode(), b"squashed, bilinear", parameters.model_dump_json().encode()])

    def fill(
        self, reader: ImageReader, paths: Sequence[str], store: VectorStore, reporter: Reporter, share: Share
    ) -> None:
        pass  # pixels are read as they are needed

    def make(
        self, reader: ImageReader, paths: Sequence[str], store: VectorStore, reporter: Reporter
    ) -> tuple[Inputs, Given]:
        reader.keys(paths)  # a file that cannot be read is said now; and pixels are found by their keys
        channels = 1 if self._parameters.colour == "grey" else 3
        return PixelInputs(reader, paths, self._parameters), Given(channels=channels, side=self._parameters.size)
