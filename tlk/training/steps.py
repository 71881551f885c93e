"""One forward pass a batch, by what the loss takes; the whole of it goes through the model that Accelerate prepared."""

import torch
from torch import Tensor, nn

from tlk.models.base import Model, as_floats
from tlk.training.examples import Batch

Outputs = tuple[Tensor | None, ...]


class Embeddings(nn.Module):
    """Embeddings of anchors, positives and negatives, made in one pass."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Outputs:
        """Return `(b, e)` anchors and positives, and negatives or None."""
        anchors, positives, *negatives = _together(self.model, batch)
        return anchors, positives, negatives[0] if negatives else None


class Verdicts(nn.Module):
    """Logits that pairs match: the true ones, and each anchor with its negative."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Outputs:
        """Return `(2b,)` logits and labels, 1 for a match."""
        anchors, positives, negatives = _together(self.model, batch)
        logits = torch.cat([self.model.compare(anchors, positives), self.model.compare(anchors, negatives)])
        labels = torch.zeros_like(logits)
        labels[: len(anchors)] = 1
        return logits, labels


class Images(nn.Module):
    """The left picture drawn from the right one."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> Outputs:
        """Return `(b, c, h, w)` logits of the left pictures, and these pictures from 0 to 1."""
        return self.model.reconstruct(batch.positives), as_floats(batch.anchors)  # type: ignore[operator]


STEPS: dict[str, type[nn.Module]] = {"embeddings": Embeddings, "verdicts": Verdicts, "images": Images}


def _together(model: Model, batch: Batch) -> tuple[Tensor, ...]:
    """Return the embeddings of the batch's parts, made in one pass: several processes allow no second one."""
    parts = [batch.anchors, batch.positives] + ([] if batch.negatives is None else [batch.negatives])
    outputs: Tensor = model(torch.cat(parts))
    return outputs.float().chunk(len(parts))
