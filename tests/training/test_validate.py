"""The inner split's scores, beside a naive computation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tlk.losses.binary_cross_entropy import BinaryCrossEntropy
from tlk.losses.class_margin import ClassMargin
from tlk.losses.info_nce import InfoNCE
from tlk.losses.registry import (
    BinaryCrossEntropyParameters,
    ClassMarginParameters,
    InfoNCEParameters,
    TripletParameters,
)
from tlk.losses.triplet import Triplet
from tlk.metrics import expected_top_k
from tlk.models.adaptation import Adaptation
from tlk.models.base import Given, Model
from tlk.models.registry import AdaptationParameters
from tlk.training.examples import Examples
from tlk.training.steps import Classes, Embeddings, Verdicts
from tlk.training.validate import validate

Make = Callable[..., Examples]


class Linear(Model):
    """A random projection; in training it gives nonsense."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 8, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.layer(inputs)
        return outputs * 0 if self.training else outputs


@pytest.fixture
def linear() -> Linear:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Linear()


def test_top_2_is_that_of_the_embeddings(embedded: Make, accelerator: Accelerator, linear: Linear) -> None:
    examples = embedded(60)
    loss = Triplet(TripletParameters())
    scores = validate(Embeddings(linear), loss, examples, examples, 16, True, 0, accelerator)
    with torch.no_grad():
        both = linear.eval().embed(examples.inputs.whole(examples.images)).numpy()
    similarity = both[:60] @ both[60:].T
    beating = np.array([(similarity[i] >= similarity[i, i]).sum() - 1 for i in range(60)])
    assert scores.top_2 == pytest.approx(expected_top_k(beating, 59, 20, 2).mean())
    assert scores.accuracy is None


def test_lists_are_shorter_where_few_are_held_out(embedded: Make, accelerator: Accelerator, linear: Linear) -> None:
    examples = embedded(2)
    scores = validate(Embeddings(linear), Triplet(TripletParameters()), examples, examples, 16, True, 0, accelerator)
    assert scores.top_2 == 1  # two picks of two


@pytest.mark.parametrize("size", [8, 11, 64])
def test_the_loss_is_the_mean_over_the_pairs(
    embedded: Make, accelerator: Accelerator, linear: Linear, size: int
) -> None:
    seen: list[tuple[float, int]] = []
    loss = InfoNCE(InfoNCEParameters())

    def kept(*outputs: Any) -> Tensor:
        value = loss(*outputs)
        seen.append((float(value), len(outputs[0])))
        return value

    examples = embedded(60)
    scores = validate(Embeddings(linear), kept, examples, examples, size, False, 0, accelerator)
    assert sum(count for _, count in seen) == 60
    assert scores.loss == pytest.approx(sum(value * count for value, count in seen) / 60)
    again = validate(Embeddings(linear), kept, examples, examples, size, False, 0, accelerator)
    assert again == scores  # epochs compare: nothing is drawn anew
    other = validate(Embeddings(linear), kept, examples, examples, size, False, 1, accelerator)
    assert other.loss != scores.loss
    assert other.top_2 == scores.top_2


def test_verdicts_are_counted(embedded: Make, accelerator: Accelerator) -> None:
    torch.manual_seed(0)
    model, examples = Adaptation(AdaptationParameters(hidden=8), Given((64,))), embedded(50)
    judged: list[Tensor] = []
    loss = BinaryCrossEntropy(BinaryCrossEntropyParameters())

    def kept(logits: Tensor, labels: Tensor) -> Tensor:
        judged.append(((logits > 0).float() == labels).float())
        value: Tensor = loss(logits, labels)
        return value

    scores = validate(Verdicts(model), kept, examples, examples, 16, True, 0, accelerator)
    assert len(torch.cat(judged)) == 100  # matches and non-matches
    assert scores.accuracy == pytest.approx(torch.cat(judged).mean().item())
    assert 0 < scores.accuracy < 1


def test_a_stage_without_labels_is_judged_by_the_pairs(
    embedded: Make, accelerator: Accelerator, linear: Linear
) -> None:
    examples = embedded(60)
    alone = Examples(examples.inputs, examples.images, examples.images, np.arange(120))
    loss = InfoNCE(InfoNCEParameters())
    of_pairs = validate(Embeddings(linear), loss, examples, examples, 16, False, 0, accelerator)
    mixed = validate(Embeddings(linear), loss, alone, examples, 16, False, 0, accelerator)
    assert mixed.top_2 == of_pairs.top_2
    assert mixed.loss < of_pairs.loss  # each image is its own match


@pytest.mark.parametrize("size", [1, 16])
def test_a_loss_over_classes_is_that_of_the_classes_that_are_known(
    embedded: Make, accelerator: Accelerator, linear: Linear, size: int
) -> None:
    whole, loss = embedded(60), ClassMargin(ClassMarginParameters())
    examples = Examples(whole.inputs, whole.left, whole.right, np.arange(60) // 6)
    step = Classes(linear, torch.arange(5), 8)

    def scores_of(chosen: np.ndarray) -> Any:
        return validate(step, loss, examples.of(chosen), examples.of(chosen), size, False, 0, accelerator)

    known, all_of_them, none = (scores_of(np.arange(*span)) for span in ((30,), (60,), (30, 60)))
    with torch.no_grad():
        both = linear.eval()(examples.inputs.whole(np.r_[0:30, 60:90])[:, 0])
        cosines = nn.functional.cosine_similarity(both[:, None], step.directions[None], dim=2)
        own = nn.functional.one_hot(torch.arange(30).repeat(2) // 6, 5).float()
        expected = loss(cosines, own).item()
    assert known.loss == pytest.approx(expected, rel=0.2)  # a pair is shown in one of two orientations
    assert none.loss is None
    assert none.top_2 is not None
    assert known.accuracy is None
    if size == 1:  # no pair shares its batch
        assert all_of_them.loss == pytest.approx(known.loss, rel=0.2)


def test_a_single_pair_is_always_found(embedded: Make, accelerator: Accelerator, linear: Linear) -> None:
    one, loss = embedded(1), Triplet(TripletParameters())
    scores = validate(Embeddings(linear), lambda a, p, n: loss(a, p, p), one, one, 16, False, 0, accelerator)
    assert scores.top_2 == 1
