"""How good a model is on the inner split, which training never sees."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tlk.constants import CANDIDATES, PICKS
from tlk.metrics import expected_top_k
from tlk.models.base import Model
from tlk.scoring.similarity import count_beating
from tlk.training.embed import embed_images
from tlk.training.examples import Examples, Share, draw_batches
from tlk.training.negatives import RandomNegatives
from tlk.training.scorer import scorer_of
from tlk.training.steps import Classes, Verdicts


@dataclass(frozen=True)
class Scores:
    """Of an inner split: the loss, the exact pick-two accuracy, and the share of pairs judged right, if they are."""

    loss: float | None  # None where a loss over classes knows none of the classes
    top_2: float | None
    accuracy: float | None


def validate(
    step: nn.Module,
    loss: Callable[..., Tensor],
    held_out: Examples,
    pairs: Examples,
    batch_size: int,
    needs_negatives: bool,
    seed: int,
    accelerator: Accelerator,
    ranked: bool = True,
) -> Scores:
    """Return the scores of a step's model; the draws hang on `seed` alone, so that epochs compare.

    The loss is that on `held_out`; it is found on `pairs` how well matches are found: the same, but for a stage that
    learns without labels; not at all unless `ranked`.
    """
    model: Any = step.model
    step.eval()
    negatives = RandomNegatives(held_out, seed) if needs_negatives else None
    total, counted, judged = 0.0, 0, []
    with torch.no_grad():
        for batch in draw_batches(held_out, batch_size, negatives, seed, 0, Share()):
            with accelerator.autocast():
                outputs = step(batch.to(accelerator.device))
            # Of classes only those that are learned are judged.
            size = len(outputs[0]) if isinstance(step, Classes) else len(batch)
            if size:
                total, counted = total + float(loss(*outputs)) * size, counted + size
            if isinstance(step, Verdicts):
                judged.append(((outputs[0] > 0) == (outputs[1] > 0.5)).float().mean().item() * len(batch))
    accuracy = sum(judged) / len(held_out) if judged else None
    return Scores(total / counted if counted else None, _top_2(model, pairs, accelerator) if ranked else None, accuracy)


def _top_2(model: Model, pairs: Examples, accelerator: Accelerator) -> float:
    sides = (embed_images(model, pairs.inputs, side, accelerator) for side in (pairs.left, pairs.right))
    queries, gallery = (side.cpu().numpy() for side in sides)
    others = len(pairs) - 1
    beating = count_beating(queries, gallery, scorer_of(model))
    return float(expected_top_k(beating, others, min(CANDIDATES, others + 1), PICKS).mean())
