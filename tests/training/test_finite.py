"""A training that leaves the numbers ends, says where, and keeps what was good; float16's overflows are skipped."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tests.training.conftest import Scale
from tlk.models.base import Model
from tlk.recipe_schema import TrainingParameters
from tlk.training.checkpoint import Checkpoint
from tlk.training.examples import Batch
from tlk.training.finite import MOST_SKIPPED, DivergedError, named, require_finite_loss, require_finite_weights
from tlk.training.loop import Job, fit
from tlk.training.steps import Embeddings
from tlk.training.validate import Scores

STEPS = 4
NAN, INF = float("nan"), float("inf")


class Spoilt:
    """The distance from 1; in the steps `at`, counted from 0, its value and its gradient are `by`."""

    def __init__(self, at: Callable[[int], bool], by: float = INF, value_too: bool = False) -> None:
        self.at, self.by, self.value_too, self.step = at, by, value_too, -1

    def __call__(self, anchors: Tensor, positives: Tensor, negatives: Tensor | None) -> Tensor:
        self.step += 1
        distance = (anchors - 1).square().mean()
        if not self.at(self.step):
            return distance
        spoilt = anchors.sum() * torch.tensor(self.by)
        return spoilt if self.value_too else distance + Broken.apply(anchors, self.by)


class Broken(torch.autograd.Function):
    """Nothing, with a gradient that is not finite: what an overflow on the way back leaves."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, by: float) -> Tensor:
        ctx.by, ctx.shape = by, inputs.shape
        return inputs.new_zeros(())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return torch.full(ctx.shape, ctx.by), None


def batches(epoch: int) -> Iterator[Batch]:
    for _ in range(STEPS):
        yield Batch(torch.ones(4, 1), torch.ones(4, 1), None, torch.arange(4))


def job(model: Model, loss: Callable[..., Tensor], epochs: int = 5, stage: str = "training", **how: Any) -> Job:
    return Job(
        step=Embeddings(model),
        loss=loss,
        in_batch=False,
        batches=batches,
        steps_in_epoch=STEPS,
        validate=how.pop("validate", None),
        settings=TrainingParameters.model_validate({"epochs": epochs, "learning_rate": 0.01, **how}),
        seed=0,
        stage=stage,
    )


@pytest.fixture
def scaling(accelerator: Accelerator) -> Accelerator:
    """One in float16, as for a GPU that has no bfloat16: Accelerate refuses it on a CPU, but torch computes it."""
    accelerator.state._mixed_precision = "fp16"
    accelerator.native_amp = True
    accelerator.scaler = torch.amp.GradScaler("cpu")
    return accelerator


@pytest.mark.parametrize("value", [NAN, INF])
def test_a_loss_that_is_not_finite_ends_the_training_at_that_step(accelerator: Accelerator, value: float) -> None:
    loss = Spoilt(lambda step: step == 6, value, value_too=True)  # in the second epoch
    with pytest.raises(DivergedError) as raised:
        fit(job(Scale(), loss), accelerator)
    assert loss.step == 6
    assert str(raised.value) == (
        f"the loss is {value} in epoch 2\nlower training.learning_rate, or set training.clip=1"
    )


@pytest.mark.parametrize("value", [NAN, INF])
def test_a_gradient_that_is_not_finite_is_found_in_the_weights(accelerator: Accelerator, value: float) -> None:
    """In the last step of all: there is no later loss that would show it, and nothing validates."""
    loss = Spoilt(lambda step: step == STEPS - 1, value)
    with pytest.raises(DivergedError, match=r"factor is not finite after epoch 1\nlower training.learning_rate"):
        fit(job(Scale(), loss, epochs=1, inner_fraction=0), accelerator)


def test_statistics_count_as_weights() -> None:
    model = nn.BatchNorm1d(2)
    settings = TrainingParameters()
    require_finite_weights(model, 0, "training", settings)
    statistics: Any = model.running_var
    statistics[1] = INF
    with pytest.raises(DivergedError, match="running_var is not finite after epoch 1\n"):
        require_finite_weights(model, 0, "training", settings)


def test_a_model_without_weights_is_finite() -> None:
    require_finite_weights(nn.Identity(), 0, "training", TrainingParameters())


def test_an_inner_loss_that_is_not_finite_is_named(accelerator: Accelerator) -> None:
    with pytest.raises(DivergedError, match="the inner loss is nan in epoch 1\n"):
        fit(job(Scale(), Spoilt(lambda step: False), validate=lambda: Scores(NAN, 0.0, None)), accelerator)


def test_the_state_of_the_last_good_epoch_is_kept(
    accelerator: Accelerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlk.training.checkpoint.SAVE_SECONDS", 0.0)
    good = Scale()
    fit(job(good, Spoilt(lambda step: False), epochs=2), accelerator)
    with pytest.raises(DivergedError, match="epoch 3"):
        fit(
            job(Scale(), Spoilt(lambda step: step == 2 * STEPS, NAN, value_too=True)),
            accelerator,
            Checkpoint(tmp_path, accelerator),
        )
    assert [path.name for path in tmp_path.iterdir()] == ["state-2"]
    model = Scale()
    accelerator.free_memory()
    history = fit(job(model, Spoilt(lambda step: False), epochs=2), accelerator, Checkpoint(tmp_path, accelerator))
    assert len(history) == 2
    assert model.factor.item() == pytest.approx(good.factor.item(), abs=0)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("clip", [None, 1.0])
def test_an_overflowing_step_is_skipped(scaling: Accelerator, value: float, clip: float | None) -> None:
    spoilt, whole = Scale(), Scale()
    skipped = fit(job(spoilt, Spoilt(lambda step: step == 1, value), epochs=1, clip=clip), scaling)
    assert scaling.scaler.get_scale() == 2.0**15  # halved once
    scaling.scaler = torch.amp.GradScaler("cpu")
    fit(job(whole, Spoilt(lambda step: False), epochs=1, clip=clip), scaling)
    assert 0 < spoilt.factor.item() < whole.factor.item() == pytest.approx(4 * 0.01, rel=0.01)
    assert spoilt.factor.item() == pytest.approx(3 * 0.01, rel=0.01)  # Adam's steps are as long as the rate
    assert 0.9 < skipped[0].loss < 1  # its own loss was a number, and counts


def test_the_loss_of_a_skipped_step_is_left_out_where_it_is_no_number(scaling: Accelerator) -> None:
    history = fit(job(Scale(), Spoilt(lambda step: step == 1, NAN, value_too=True), epochs=1), scaling)
    assert history[0].loss == pytest.approx((1 + 0.99**2 + 0.98**2) / 3, rel=1e-3)


def test_too_many_overflows_in_a_row_end_the_training(scaling: Accelerator) -> None:
    loss = Spoilt(lambda step: step >= 2)
    with pytest.raises(DivergedError) as raised:
        fit(job(Scale(), loss, epochs=50), scaling)
    assert loss.step == 2 + MOST_SKIPPED - 1
    last = loss.step // STEPS + 1
    assert str(raised.value) == (
        f"half precision overflowed in {MOST_SKIPPED} steps in a row, in epoch {last}\nset training.precision=fp32"
    )


def test_overflows_that_do_not_follow_each_other_do_not_end_it(scaling: Accelerator) -> None:
    history = fit(job(Scale(), Spoilt(lambda step: step % 2 == 0), epochs=2 * MOST_SKIPPED), scaling)
    assert len(history) == 2 * MOST_SKIPPED


def test_an_epoch_without_any_number_ends_the_training(scaling: Accelerator) -> None:
    with pytest.raises(DivergedError, match="the loss is nan in epoch 1\n"):
        fit(job(Scale(), Spoilt(lambda step: True, NAN, value_too=True)), scaling)


class Loud(Model):
    """A layer whose outputs of ones are 80,000: more than float16 holds."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(self.layer.weight, 80_000.0)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.layer(inputs)
        return outputs


def distance(anchors: Tensor, positives: Tensor, negatives: Tensor | None) -> Tensor:
    return (anchors - positives - 1).square().mean()


def test_what_half_precision_cannot_hold_full_precision_can(scaling: Accelerator) -> None:
    with pytest.raises(DivergedError, match=r"the loss is nan in epoch 1\n.*training.precision=fp32"):
        fit(job(Loud(), distance, precision="mixed"), scaling)
    scaling.free_memory()
    scaling.state._mixed_precision, scaling.scaler = "no", None
    assert fit(job(Loud(), distance), scaling)[-1].loss == 1


def test_a_short_training_of_which_every_step_was_skipped_is_none(scaling: Accelerator) -> None:
    model = Scale()
    with pytest.raises(DivergedError, match="overflowed in every step of training: nothing was learned"):
        fit(job(model, Spoilt(lambda step: True), epochs=2), scaling)
    assert model.factor.item() == 0


@pytest.mark.parametrize(
    ("stage", "settings", "expected"),
    [
        ("training", {}, "epoch 3\nlower training.learning_rate, or set training.clip=1"),
        ("training", {"clip": 1.0}, "epoch 3\nlower training.learning_rate"),
        (
            "training",
            {"precision": "mixed"},
            "epoch 3\nlower training.learning_rate, or set training.clip=1, or set training.precision=fp32",
        ),
        ("again pretraining", {"clip": 2.0}, "epoch 3 of again pretraining\nlower pretraining.training.learning_rate"),
    ],
)
def test_the_remedy_is_what_the_recipe_leaves(stage: str, settings: dict[str, Any], expected: str) -> None:
    with pytest.raises(DivergedError) as raised, named("fold 2"):
        require_finite_loss(math.nan, 2, stage, TrainingParameters.model_validate(settings))
    assert str(raised.value) == f"fold 2: the loss is nan in {expected}"


def test_other_errors_are_not_given_a_name() -> None:
    with pytest.raises(ValueError, match=r"^else$"), named("fold 2"):
        raise ValueError("else")
