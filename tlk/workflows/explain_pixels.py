"""Sight by a model that is trained from pixels."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from tlk.data.reader import ImageReader
from tlk.models.base import Given
from tlk.recipe_schema import PixelParameters
from tlk.training.inputs import PixelInputs
from tlk.workflows.explain_cells import last_maps
from tlk.workflows.explain_loading import Loader
from tlk.workflows.explain_sight import GradientSight

T = TypeVar("T")


class PixelSight(GradientSight):
    """What the model that `load` gives makes of pixels."""

    def __init__(self, parameters: PixelParameters, load: Loader, device: torch.device) -> None:
        self._parameters = parameters
        self._device = device
        channels = 1 if parameters.colour == "grey" else 3
        self.model = load(Given(channels=channels, side=parameters.size)).to(device).eval()

    def inputs(self, picture: np.ndarray) -> Tensor:
        """Return the `(1, c, h, w)` float pixels, from 0 to 255, that the model sees of a picture."""
        whole = PixelInputs(_Held(picture), [""], self._parameters).whole(np.zeros(1, np.int64))  # (1, o, c, h, w)
        return whole[:, 0].float().to(self._device)

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the `(1, e)` embedding of `(1, c, h, w)` pixels, in all orientations that the recipe asks for."""
        turns = [inputs, inputs.flip(-1)] if self._parameters.mirrored else [inputs]
        return self.model.embed(torch.stack(turns, dim=1))

    def cells(self, picture: np.ndarray) -> np.ndarray:
        """Return the model's `(c, h, w)` last feature map."""
        return last_maps(self.model, lambda: self.embed(self.inputs(picture)))


class _Held(ImageReader):
    """Gives one picture that is in memory, so that pixels are prepared as they were in training."""

    def __init__(self, picture: np.ndarray) -> None:
        self._picture = picture

    def prepared(self, paths: Sequence[str], prepare: Callable[[np.ndarray], T], ahead: int = 1) -> Iterator[T]:
        return (prepare(self._picture) for _ in paths)
