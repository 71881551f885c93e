"""Trainings: they learn what is there to learn and nothing else."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from tests.training.conftest import (
    CENTRED,
    CONVNET,
    PIXELS,
    TRAINING,
    Make,
    MakeRecipe,
    MakeTrainer,
    embeddings,
    split,
    top_2,
    train,
)
from tlk.errors import UserError
from tlk.metrics import bootstrap_interval
from tlk.training import train as module
from tlk.training.accelerator import make_accelerator
from tlk.training.examples import Examples
from tlk.training.history import Epoch, best_epoch
from tlk.training.loop import Job, Listener
from tlk.training.models import load_model, save_model


def test_training_beats_the_untrained_model_by_far(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    learned, scored = split(embedded())
    untrained, histories = train(trainer(recipe(**CENTRED)), learned)
    assert histories == {}
    assert not untrained.training
    trained, histories = train(trainer(recipe()), learned)
    assert list(histories) == ["training"]
    assert histories["training"][-1].loss < histories["training"][0].loss
    assert not trained.training
    assert top_2(trained, scored).mean() > top_2(untrained, scored).mean() + 0.15
    assert top_2(trained, scored).mean() > 0.5


def test_shuffled_pairs_stay_at_chance(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    """No signal: whatever leaks between training and scoring would lift this above one in ten."""
    outcomes = []
    for seed in range(3):
        learned, scored = split(embedded(shuffled=seed))
        model, _ = train(trainer(recipe()), learned, seed)
        outcomes.append(top_2(model, scored))
    low, high = bootstrap_interval(np.concatenate(outcomes))
    assert low <= 0.10 <= high


def test_a_leak_would_be_seen(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    """The check above can fail: scored on the shuffled pairs that it learned, the model is far from chance."""
    shuffled = embedded(shuffled=0)
    model, _ = train(trainer(recipe()), shuffled)
    low, _ = bootstrap_interval(top_2(model, shuffled))
    assert low > 0.10


def test_with_nothing_held_out_all_pairs_are_learned_from_and_the_last_epoch_is_kept(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Job] = []
    real = module.fit
    monkeypatch.setattr(module, "fit", lambda job, *rest: jobs.append(job) or real(job, *rest))
    learned = embedded(200)
    whole = trainer(recipe(training={"epochs": 4, "patience": 1, "batch_size": 64, "inner_fraction": 0}))
    _, histories = train(whole, learned)
    assert jobs[0].validate is None
    assert jobs[0].steps_in_epoch == 4  # of 64 pairs at the most; with some held out there would be 3
    rows = histories["training"]
    assert [row.inner_top_2 for row in rows] == [None] * 4
    assert best_epoch(rows, "top_2") == 4


def test_same_seed_same_weights(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    learned = embedded(200)
    short = trainer(recipe(training={"epochs": 3, "batch_size": 64}))
    one, two, other = (train(short, learned, seed)[0].head.weight for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_training_leaves_the_global_random_states_alone(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer
) -> None:
    stage = {"on": "images", "loss": {"name": "barlow_twins"}, "training": {"epochs": 1}}
    both = recipe(mining={"name": "hard"}, pretraining=stage, training={"epochs": 2})
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    train(trainer(both), embedded(100))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert random.getstate() == before[2]


def test_a_trained_model_is_written_and_read_again(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer, accelerator: Accelerator, tmp_path: Path
) -> None:
    learned, scored = split(embedded(300))
    chosen = trainer(recipe(training={"epochs": 3}))
    model, _ = train(chosen, learned)
    save_model(model, tmp_path / "model.safetensors")
    again = load_model(chosen.recipe, chosen.given, tmp_path / "model.safetensors")
    for side, same in zip(embeddings(model, scored, accelerator), embeddings(again, scored, accelerator), strict=True):
        np.testing.assert_array_equal(side, same)


def test_too_few_pairs_are_said(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    with pytest.raises(UserError, match=r"3 pairs in 3 groups are too few"):
        train(trainer(recipe()), embedded(3))


def test_one_group_cannot_be_split(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    examples = embedded(40)
    alone = Examples(examples.inputs, examples.left, examples.right, np.zeros(40, np.int64))
    with pytest.raises(UserError, match="1 groups"):
        train(trainer(recipe()), alone)


def test_a_loss_that_runs_away_is_said(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    wild = recipe(loss={"name": "contrastive"}, training={"learning_rate": 1e6, "weight_decay": 1e6, "batch_size": 32})
    with pytest.raises(UserError, match=r"lower training\.learning_rate"):
        train(trainer(wild), embedded(100))


def test_refit_runs_to_the_end(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    epochs: list[Epoch] = []

    class Hearing(Listener):
        def epoch(self, stage: str, row: Epoch) -> None:
            epochs.append(row)

    chosen = trainer(recipe(training={"epochs": 2, "patience": 1, "batch_size": 64}))
    model = chosen.refit(embedded(100), {"training": 5}, 0, Hearing())
    assert [row.epoch for row in epochs] == [1, 2, 3, 4, 5]
    assert best_epoch(epochs, "top_2") == 5
    assert not model.training
    untrained = trainer(recipe(**CENTRED)).refit(embedded(20), {}, 0, Listener())
    assert torch.allclose(untrained.mean, embedded(20).inputs.vectors.mean((0, 1)), atol=1e-6)


def test_mixed_precision_runs_here_and_keeps_weights_in_full(
    pictured: Make, recipe: MakeRecipe, trainer: MakeTrainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlk.training.accelerator.native_precision", lambda device: torch.bfloat16)
    mixed = recipe(pixels=PIXELS, model=CONVNET, loss={"name": "triplet"}, training={**TRAINING, "precision": "mixed"})
    seen: list[torch.dtype] = []

    def hook(module: torch.nn.Module, inputs: Any, outputs: Tensor) -> None:
        seen.append(outputs.dtype)

    accelerator = make_accelerator(torch.device("cpu"), "mixed")
    with torch.nn.modules.module.register_module_forward_hook(
        lambda module, inputs, outputs: hook(module, inputs, outputs) if isinstance(module, torch.nn.Conv2d) else None
    ):
        model, histories = train(trainer(mixed, on=accelerator), pictured(80))
    assert torch.bfloat16 in seen  # whether or not this processor computes it natively
    assert all(p.dtype == torch.float32 for p in model.parameters())
    rows = histories["training"]
    assert rows[-1].loss < 0.9 * rows[0].loss
