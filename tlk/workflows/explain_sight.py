"""How a model sees two pictures: how alike they are to it, and which of their regions had a say."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from tlk.models.base import Model

_SMOOTHING = 0.025  # of a side: the deviation of what the gradients are blurred with
_TOP = 99.5  # percent of the places lie below what is shown as 1: a single pixel does not pale all others
_SAME = 1e-5


@dataclass(frozen=True)
class Seen:
    """The similarity of two pictures, and of each an `(h, w)` map from 0 to 1, squashed as the model sees it."""

    similarity: float
    left: np.ndarray
    right: np.ndarray


class Sight(Protocol):
    """Compares two pictures, `(h, w, 3)` uint8 each."""

    how: str  # what its maps show, for people
    regions: str  # what its cells are, for people

    def look(self, left: np.ndarray, right: np.ndarray) -> Seen:
        """Return how alike the pictures are, and where that comes from."""

    def cells(self, picture: np.ndarray) -> np.ndarray:
        """Return `(c, h, w)` maps whose cells tell what is where."""


class GradientSight(ABC):
    """Base of what can be differentiated: the gradient of the similarity with respect to the pixels of both pictures.

    Source: Simonyan, Vedaldi and Zisserman, *Deep Inside Convolutional Networks*, 2014, as Munteanu, *Image
    Similarity*, 2022, uses it on siamese networks.
    """

    how = (
        "Saliency: where a change of the pixels would change the similarity most "
        "(absolute gradient, the largest of the channels, smoothed; each picture on a scale of its own)."
    )
    regions = "the last feature map"
    model: Model

    @abstractmethod
    def inputs(self, picture: np.ndarray) -> Tensor:
        """Return the `(1, c, h, w)` float pixels that the model sees of a picture."""

    @abstractmethod
    def embed(self, inputs: Tensor) -> Tensor:
        """Return the `(1, e)` embedding of `(1, c, h, w)` pixels, differentiable."""

    @abstractmethod
    def cells(self, picture: np.ndarray) -> np.ndarray:
        """Return `(c, h, w)` maps whose cells tell what is where."""

    def look(self, left: np.ndarray, right: np.ndarray) -> Seen:
        """Return how alike the pictures are, and the gradients of that."""
        inputs = [self.inputs(picture).requires_grad_() for picture in (left, right)]
        first, second = (self.embed(pixels) for pixels in inputs)
        similarity = self.model.compare(first, second).sum()
        gradients = torch.autograd.grad(similarity, inputs)
        # Where both are the same to the model nothing can make them more alike: what is left is rounding noise.
        same = torch.allclose(first, second, atol=_SAME)
        maps = [np.zeros(g.shape[2:], np.float32) if same else g.abs().amax(dim=1)[0].cpu().numpy() for g in gradients]
        return Seen(float(similarity.detach()), smoothed(maps[0]), smoothed(maps[1]))


def smoothed(strength: np.ndarray) -> np.ndarray:
    """Return an `(h, w)` map of strengths blurred, from 0 to 1."""
    blurred = cv2.GaussianBlur(strength.astype(np.float32), (0, 0), max(strength.shape) * _SMOOTHING)
    return scaled(blurred)


def scaled(strength: np.ndarray) -> np.ndarray:
    """Return an `(h, w)` map of strengths as shares of nearly the largest one, 0 where none is positive."""
    largest = float(np.percentile(strength, _TOP)) or float(strength.max())
    return np.clip(strength / largest, 0, 1) if largest > 0 else np.zeros_like(strength)
