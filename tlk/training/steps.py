"""One forward pass a batch, by what the loss takes; the whole of it goes through the model that Accelerate prepared."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tlk.models.base import Model, as_floats
from tlk.training.examples import Batch

Outputs = tuple[Tensor | None, ...]


class Step(nn.Module):
    """Base of the steps: the model that learns, and what is learned beside it."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return what is learned, for the optimiser, each part with its learning rate."""
        return self.model.parameter_groups(rate)


class Embeddings(Step):
    """Embeddings of anchors, positives and negatives, made in one pass."""

    def forward(self, batch: Batch) -> Outputs:
        """Return `(b, e)` anchors and positives, and negatives or None."""
        anchors, positives, *negatives = _together(self.model, batch)
        return anchors, positives, negatives[0] if negatives else None


class Verdicts(Step):
    """Logits that pairs match: the true ones, and each anchor with its negative."""

    def forward(self, batch: Batch) -> Outputs:
        """Return `(2b,)` logits and labels, 1 for a match."""
        anchors, positives, negatives = _together(self.model, batch)
        logits = torch.cat([self.model.compare(anchors, positives), self.model.compare(anchors, negatives)])
        labels = torch.zeros_like(logits)
        labels[: len(anchors)] = 1
        return logits, labels


class Images(Step):
    """The left picture drawn from the right one."""

    def forward(self, batch: Batch) -> Outputs:
        """Return `(b, c, h, w)` logits of the left pictures, and these pictures from 0 to 1."""
        return self.model.reconstruct(batch.positives), as_floats(batch.anchors)  # type: ignore[operator]


class Classes(Step):
    """Cosines of anchors and positives with a learned direction for each class: the groups of the pairs to learn from.

    Pairs of other groups, as those held out may be, are left out.
    """

    classes: Tensor

    def __init__(self, model: Model, classes: Tensor, width: int) -> None:
        super().__init__(model)
        self.register_buffer("classes", classes)  # sorted, each once
        self.directions = nn.Parameter(torch.randn(len(classes), width) / width**0.5)

    def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
        """Return the model's, and the directions with the same learning rate."""
        return [*super().parameter_groups(rate), {"params": [self.directions], "lr": rate}]

    def forward(self, batch: Batch) -> Outputs:
        """Return `(2b, c)` cosines, and 1 at the own class of each, else 0."""
        groups = batch.groups.repeat(2)
        place = torch.searchsorted(self.classes, groups).clamp(max=len(self.classes) - 1)
        known = self.classes[place] == groups
        embeddings = torch.cat(_together(self.model, replace(batch, negatives=None)))[known]
        cosines = nn.functional.normalize(embeddings, dim=1) @ nn.functional.normalize(self.directions, dim=1).T
        return cosines, nn.functional.one_hot(place[known], len(self.classes)).to(cosines.dtype)


STEPS: dict[str, type[Step]] = {"embeddings": Embeddings, "verdicts": Verdicts, "images": Images}


def _together(model: Model, batch: Batch) -> tuple[Tensor, ...]:
    """Return the embeddings of the batch's parts, made in one pass: several processes allow no second one."""
    parts = [batch.anchors, batch.positives] + ([] if batch.negatives is None else [batch.negatives])
    outputs: Tensor = model(torch.cat(parts))
    return outputs.float().chunk(len(parts))
