"""The loop: it keeps the best epoch, stops in time, moves the rates as asked, and stops at nonsense."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.training.conftest import Scale
from tlk.errors import UserError
from tlk.models.base import Model
from tlk.recipe_schema import TrainingParameters
from tlk.training.checkpoint import Checkpoint
from tlk.training.examples import Batch
from tlk.training.history import Epoch, best_epoch
from tlk.training.loop import Job, Listener, fit
from tlk.training.schedule import rate_factor
from tlk.training.steps import Embeddings
from tlk.training.validate import Scores

STEPS = 3


def distance(anchors: Tensor, positives: Tensor, negatives: Tensor | None) -> Tensor:
    return ((anchors - 1) ** 2).mean() + 0 * positives.mean()


def batches(epoch: int) -> Iterator[Batch]:
    for _ in range(STEPS):
        yield Batch(torch.ones(4, 1), torch.ones(4, 1), None, torch.arange(4))


def job(
    model: Model, validate: Callable[[], Scores] | None = None, listener: Listener | None = None, **how: Any
) -> Job:
    return Job(
        step=Embeddings(model),
        loss=how.pop("loss", distance),
        in_batch=False,
        batches=how.pop("batches", batches),
        steps_in_epoch=STEPS,
        validate=validate,
        settings=TrainingParameters.model_validate({"epochs": 20, "learning_rate": 0.01, "patience": 3, **how}),
        seed=0,
        listener=listener or Listener(),
    )


def test_the_loss_falls_and_every_epoch_is_recorded(accelerator: Accelerator) -> None:
    model = Scale()
    history = fit(job(model), accelerator)
    assert [row.epoch for row in history] == list(range(1, 21))
    assert history[-1].loss < 0.5 * history[0].loss
    assert all(row.inner_loss is row.inner_top_2 is row.inner_accuracy is None for row in history)
    assert all(row.seconds > 0 for row in history)
    assert float(model.factor.detach()) > 0.3


WATCHED: dict[str, list[float]] = {
    "loss": [0.9, 0.5, 0.5, 0.6, 0.7, 0.1],
    "top_2": [0.1, 0.5, 0.5, 0.4, 0.3, 0.9],
    "accuracy": [0.1, 0.5, 0.5, 0.4, 0.3, 0.9],
}


@pytest.mark.parametrize("watch", list(WATCHED))
def test_the_best_epoch_is_kept_and_patience_ends_training(accelerator: Accelerator, watch: str) -> None:
    model, seen = Scale(), list[float]()
    rising = iter(range(100))  # what is not watched improves all the time

    def validate() -> Scores:
        number = next(rising)
        seen.append(float(model.factor.detach()))
        values = {"loss": -float(number), "top_2": float(number), "accuracy": float(number)}
        return Scores(**values | {watch: WATCHED[watch][number]})

    history = fit(job(model, validate, watch=watch), accelerator)
    assert len(history) == 5  # epoch 2 was the best, three more did not beat it
    assert best_epoch(history, watch) == 2
    assert float(model.factor.detach()) == seen[1]
    assert len(set(seen)) == 5
    assert not model.training


def test_without_an_inner_split_the_last_weights_stay(accelerator: Accelerator) -> None:
    last, model = list[float](), Scale()

    class Hearing(Listener):
        def epoch(self, stage: str, row: Epoch) -> None:
            last.append(float(model.factor.detach()))

    fit(job(model, listener=Hearing(), patience=1), accelerator)
    assert len(last) == 20
    assert float(model.factor.detach()) == last[-1]


def test_a_model_that_never_improves_keeps_its_first_epoch(accelerator: Accelerator) -> None:
    model, seen = Scale(), list[float]()

    def validate() -> Scores:
        seen.append(float(model.factor.detach()))
        return Scores(1.0, 0.0, None)

    history = fit(job(model, validate, patience=2), accelerator)
    assert len(history) == 3
    assert float(model.factor.detach()) == seen[0]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_inner_loss_that_is_not_finite_is_said(accelerator: Accelerator, value: float) -> None:
    with pytest.raises(UserError, match="learning_rate"):
        fit(job(Scale(), lambda: Scores(value, 0.0, None)), accelerator)


def test_modes(accelerator: Accelerator) -> None:
    """Learning happens in training mode, validation in evaluation mode, epoch after epoch."""
    learned, validated = list[bool](), list[bool]()

    class Watched(Scale):
        def forward(self, inputs: Tensor) -> Tensor:
            learned.append(self.training)
            return super().forward(inputs)

    model = Watched()

    def validate() -> Scores:
        validated.append(model.training)
        return Scores(0.0, float(len(validated)), None)

    fit(job(model, validate, epochs=3), accelerator)
    assert learned == [True] * 3 * STEPS
    assert validated == [False] * 3


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_said(accelerator: Accelerator, value: float) -> None:
    def broken(*outputs: Any) -> Tensor:
        return distance(*outputs) * value

    with pytest.raises(UserError, match=r"in epoch 1\nlower training.learning_rate"):
        fit(job(Scale(), loss=broken), accelerator)


def test_rates_are_those_of_the_schedule_in_every_group(accelerator: Accelerator) -> None:
    class Two(Scale):
        def __init__(self) -> None:
            super().__init__()
            self.other = nn.Parameter(torch.tensor(0.0))

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs * (self.factor + self.other)

        def parameter_groups(self, rate: float) -> list[dict[str, Any]]:
            return [{"params": [self.factor], "lr": rate}, {"params": [self.other], "lr": 0.1 * rate}]

    model, steps = Two(), list[tuple[float, float]]()

    class Hearing(Listener):
        def step(self, done: int, total: int, loss: float) -> None:
            assert total == 10 * STEPS
            assert done == len(steps) + 1
            steps.append((float(model.factor.detach()), float(model.other.detach())))

    settings: dict[str, Any] = {"epochs": 10, "schedule": "cosine", "warmup": 0.2, "learning_rate": 1e-4}
    asked = job(model, listener=Hearing(), **settings)
    history = fit(asked, accelerator)
    expected = [1e-4 * rate_factor(asked.settings, step, 30) for step in range(30)]
    assert [row.learning_rate for row in history] == pytest.approx(expected[STEPS - 1 :: STEPS])
    moved = np.diff(np.array([(0.0, 0.0), *steps]), axis=0)  # Adam's steps are as long as the rate, all downhill alike
    np.testing.assert_allclose(moved[:, 0], expected, rtol=0.02)
    np.testing.assert_allclose(moved[:, 1], np.array(expected) / 10, rtol=0.02)


def test_batches_are_asked_for_once_an_epoch(accelerator: Accelerator) -> None:
    asked: list[int] = []

    def drawn(epoch: int) -> Iterator[Batch]:
        asked.append(epoch)
        return batches(epoch)

    fit(job(Scale(), batches=drawn, epochs=4), accelerator)
    assert asked == [0, 1, 2, 3]


def test_weight_decay_reaches_the_optimiser(accelerator: Accelerator) -> None:
    free, decayed = Scale(), Scale()
    fit(job(free), accelerator)
    fit(job(decayed, weight_decay=10.0), accelerator)
    assert float(decayed.factor.detach()) < float(free.factor.detach())


def test_dropout_hangs_on_the_seed_and_the_epoch(accelerator: Accelerator) -> None:
    class Dropped(Scale):
        def __init__(self) -> None:
            super().__init__()
            self.dropout = nn.Dropout(0.5)

        def forward(self, inputs: Tensor) -> Tensor:
            return super().forward(self.dropout(inputs))

    found = []
    for state in (1, 2):
        torch.manual_seed(state)  # what happened before has no say
        model = Dropped()
        history = fit(job(model, epochs=4), accelerator)
        found.append((float(model.factor.detach()), [row.loss for row in history]))
    assert found[0] == found[1]
    assert len({round(value, 2) for value in found[0][1]}) > 1


def test_the_accelerator_lets_go_of_what_it_prepared(accelerator: Accelerator) -> None:
    fit(job(Scale(), epochs=1), accelerator)
    assert accelerator._models == []
    assert accelerator._optimizers == []


def test_a_compiled_training_keeps_weights_and_state_under_the_same_names(
    accelerator: Accelerator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[Any] = []

    def backend(graph: Any, inputs: object) -> Any:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    plain, fast = Scale(), Scale()
    usual = fit(job(plain, epochs=3), accelerator, Checkpoint(tmp_path / "plain", accelerator))
    assert not graphs
    history = fit(job(fast, epochs=3, compile=True), accelerator, Checkpoint(tmp_path / "fast", accelerator))
    assert len(graphs) == 1
    assert [row.loss for row in history] == pytest.approx([row.loss for row in usual])
    assert fast.state_dict() == plain.state_dict()
    states = (next((tmp_path / name).glob("state-*/model.safetensors")) for name in ("plain", "fast"))
    plain_state, fast_state = map(load_file, states)
    assert list(fast_state) == list(plain_state)
