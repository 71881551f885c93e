"""The images that a model is trained on and scored with, by number: stored embeddings, or pixels."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tlk.data.augment import Augmenter
from tlk.data.reader import ImageReader
from tlk.models.base import Model
from tlk.recipe_schema import PixelParameters

_HELD_BYTES = 2_000_000_000  # resized pixels kept in memory; beyond, they come from the pixel cache each time
_BLOCK = 512  # images


class Inputs(Protocol):
    """Images by number, as a model takes them."""

    def drawn(self, images: np.ndarray, seeds: np.ndarray) -> Tensor:
        """Return `(b, …)` inputs for training: one orientation or augmentation each, chosen by its seed."""

    def whole(self, images: np.ndarray) -> Tensor:
        """Return `(b, o, …)` inputs for scoring, in all orientations."""

    def reduced(self, model: Model, images: np.ndarray) -> "Inputs":
        """Return the inputs with the model's fixed part done for `images`, whose numbers stay."""


class EmbeddingInputs:
    """Stored embeddings, `(n, o, d)`, o orientations of each image."""

    def __init__(self, vectors: Tensor) -> None:
        self.vectors = vectors

    def drawn(self, images: np.ndarray, seeds: np.ndarray) -> Tensor:
        """Return `(b, d)` embeddings, each in a random orientation."""
        turns = torch.from_numpy(seeds % self.vectors.shape[1])
        return self.vectors[torch.from_numpy(images), turns].float()

    def whole(self, images: np.ndarray) -> Tensor:
        """Return `(b, o, d)` embeddings."""
        return self.vectors[torch.from_numpy(images)].float()

    @torch.no_grad()
    def reduced(self, model: Model, images: np.ndarray) -> "EmbeddingInputs":
        """Return the embeddings reduced once, block by block: whole, they need no room twice."""
        if type(model).reduce is Model.reduce:
            return self
        device = next(model.parameters(), torch.empty(0)).device
        rows = torch.from_numpy(np.unique(images))
        parts = [model.reduce(self.vectors[part].to(device)) for part in rows.split(_BLOCK)]
        reduced = parts[0].new_empty(len(self.vectors), *parts[0].shape[1:])
        reduced[rows.to(device)] = torch.cat(parts)
        return EmbeddingInputs(reduced)


class PixelInputs:
    """Pictures squashed to the model's size, `(n, c, h, w)` uint8, augmented on the fly for training."""

    def __init__(self, reader: ImageReader, paths: Sequence[str], parameters: PixelParameters) -> None:
        self._reader = reader
        self._paths = list(paths)
        self._size = parameters.size
        self._grey = parameters.colour == "grey"
        self._mirrored = parameters.mirrored
        self._augment = Augmenter(parameters.augment) if parameters.augment else None
        self._held = len(paths) * self._size**2 * 3 <= _HELD_BYTES
        self._pixels: dict[int, np.ndarray] = {}

    def drawn(self, images: np.ndarray, seeds: np.ndarray) -> Tensor:
        """Return `(b, c, h, w)` pixels, each augmented as its seed says."""
        pictures = self._pictures(images)
        if self._augment is not None:
            pictures = [self._augment(p, int(seed)) for p, seed in zip(pictures, seeds, strict=True)]
        return self._stacked(pictures)

    def whole(self, images: np.ndarray) -> Tensor:
        """Return `(b, o, c, h, w)` pixels: as they are, and mirrored if the recipe says so."""
        pixels = self._stacked(self._pictures(images))
        return torch.stack([pixels, pixels.flip(-1)], dim=1) if self._mirrored else pixels[:, None]

    def reduced(self, model: Model, images: np.ndarray) -> "PixelInputs":
        """Return itself: nothing is fixed about pixels that are augmented."""
        return self

    def _pictures(self, images: np.ndarray) -> list[np.ndarray]:
        """Return `(h, w, 3)` uint8 pictures; what is held is resized once, the rest each time it is asked for."""
        missing = [int(i) for i in dict.fromkeys(images.tolist()) if i not in self._pixels]
        resized = self._reader.prepared([self._paths[i] for i in missing], self._resize)
        fresh = dict(zip(missing, resized, strict=True))
        if self._held:
            self._pixels |= fresh
            fresh = self._pixels
        return [fresh[i] if i in fresh else self._pixels[i] for i in images.tolist()]

    def _resize(self, image: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(image)
        if self._grey:
            picture = picture.convert("L").convert("RGB")
        return np.array(picture.resize((self._size, self._size), Image.Resampling.BILINEAR))

    def _stacked(self, pictures: list[np.ndarray]) -> Tensor:
        stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        return stacked[:, :1] if self._grey else stacked
