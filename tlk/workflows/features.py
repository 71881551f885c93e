"""From a recipe's embedding to the features of images, through the store."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tlk.data.reader import ImageReader
from tlk.embeddings.embed import embed
from tlk.embeddings.schema import EmbeddingParameters
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import Embedder
from tlk.errors import UserError
from tlk.workflows.progress import Reporter


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
    return torch.device(name)


def build_embedder(parameters: EmbeddingParameters, device: torch.device) -> Embedder:
    """Return what turns images into the views that a recipe names.

    Raises:
        UserError: the backbone cannot be had.
    """
    if parameters.backbone is not None:
        from tlk.embeddings.backbone import BackboneEmbedder

        return BackboneEmbedder(parameters.backbone, parameters.views, parameters.mirrored, device)
    from tlk.embeddings.descriptors import DescriptorEmbedder

    return DescriptorEmbedder(parameters.descriptors, parameters.mirrored)


def read_features(
    embedder: Embedder,
    mirrored: bool,
    reader: ImageReader,
    paths: Sequence[str],
    store: VectorStore,
    reporter: Reporter,
) -> tuple[Tensor, tuple[int, ...]]:
    """Return `(n, o, d)` float32 features, o orientations, and the widths of the views that make up d."""
    with reporter.track("embedding") as progress:
        vectors = embed(embedder, reader, paths, store, progress)
    orientations = 2 if mirrored else 1
    sizes = tuple(view.shape[1] for view in vectors[: len(vectors) // orientations])
    features = np.empty((len(paths), orientations, sum(sizes)), np.float32)
    flat = features.reshape(len(paths), -1)  # the views come orientation by orientation, as they lie here
    start = 0
    for view in vectors:
        flat[:, start : start + view.shape[1]] = view
        start += view.shape[1]
    return torch.from_numpy(features), sizes
