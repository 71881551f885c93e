"""What a batch becomes on its way to the loss."""

import pytest
import torch
from torch import Tensor, nn

from tlk.models.base import Model, Verdict
from tlk.training.examples import Batch
from tlk.training.steps import STEPS, Classes, Embeddings, Images, Verdicts

GROUPS = torch.arange(6)


class Doubled(Model):
    """Twice its inputs, and how often it was asked."""

    passes = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.passes += 1
        return 2 * inputs

    def reconstruct(self, inputs: Tensor) -> Tensor:
        return inputs.float() + 1


class Differences(Verdict, Doubled):
    """Logits: minus the distance."""

    def compare(self, first: Tensor, second: Tensor) -> Tensor:
        return -(first - second).abs().sum(dim=-1)


@pytest.fixture
def sides() -> Tensor:
    return torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))


def test_embeddings_come_from_one_pass(sides: Tensor) -> None:
    model = Doubled()
    anchors, positives, negatives = Embeddings(model)(Batch(*sides, GROUPS))
    assert model.passes == 1
    assert torch.equal(anchors, 2 * sides[0])
    assert torch.equal(positives, 2 * sides[1])
    assert torch.equal(negatives, 2 * sides[2])
    assert Embeddings(model)(Batch(sides[0], sides[1], None, GROUPS))[2] is None


def test_verdicts_are_of_matches_and_of_negatives(sides: Tensor) -> None:
    model = Differences()
    logits, labels = Verdicts(model)(Batch(*sides, GROUPS))
    assert model.passes == 1
    assert labels.tolist() == [1.0] * 6 + [0.0] * 6
    torch.testing.assert_close(logits[:6], -2 * (sides[0] - sides[1]).abs().sum(dim=1))
    torch.testing.assert_close(logits[6:], -2 * (sides[0] - sides[2]).abs().sum(dim=1))


def test_the_left_picture_is_drawn_from_the_right_one() -> None:
    left, right = torch.randint(256, (2, 5, 1, 4, 4), dtype=torch.uint8)
    logits, targets = Images(Doubled())(Batch(left, right, None, GROUPS))
    assert torch.equal(logits, right.float() + 1)
    assert torch.equal(targets, left.float() / 255)


def test_there_is_a_step_for_what_any_loss_takes() -> None:
    from tlk.losses.registry import LOSSES

    assert {entry.takes for entry in LOSSES.values()} == {*STEPS, "classes"}  # whose step knows the classes, too
    assert all(issubclass(step, nn.Module) for step in STEPS.values())


def test_classes_are_the_groups_that_are_learned(sides: Tensor) -> None:
    groups = torch.tensor([3, 7, 3, 9, 8, 7])  # 8 is none of them
    torch.manual_seed(0)
    step = Classes(Doubled(), torch.tensor([3, 7, 9]), 4)
    cosines, own = step(Batch(sides[0], sides[1], sides[2], groups))
    assert cosines.shape == own.shape == (10, 3)
    images = torch.cat([sides[0][groups != 8], sides[1][groups != 8]])
    expected = nn.functional.cosine_similarity(images[:, None], step.directions[None], dim=2)
    torch.testing.assert_close(cosines, expected)
    assert own.argmax(dim=1).tolist() == [0, 1, 0, 2, 1] * 2
    assert own.sum() == 10
    learned = [parameter for group in step.parameter_groups(0.1) for parameter in group["params"]]
    assert any(parameter is step.directions for parameter in learned)


def test_of_classes_that_are_not_learned_nothing_is_left(sides: Tensor) -> None:
    cosines, own = Classes(Doubled(), torch.tensor([11, 12]), 4)(Batch(sides[0], sides[1], None, GROUPS))
    assert cosines.shape == own.shape == (0, 2)
