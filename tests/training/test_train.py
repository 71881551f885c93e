"""Trainings: they learn what is there to learn and nothing else, and never look at what they are scored on."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from tlk.errors import UserError
from tlk.metrics import bootstrap_interval, expected_top_k
from tlk.models.base import Model
from tlk.recipe_schema import Recipe
from tlk.scoring.similarity import count_beating
from tlk.training import train as module
from tlk.training.accelerator import make_accelerator
from tlk.training.embed import embed_images
from tlk.training.examples import Examples
from tlk.training.history import Epoch, best_epoch
from tlk.training.loop import Job, Listener
from tlk.training.models import build_model, load_model, save_model
from tlk.training.scorer import scorer_of
from tlk.training.train import Histories, Trainer

Make = Callable[..., Examples]
MakeRecipe = Callable[..., Recipe]
MakeTrainer = Callable[..., Trainer]

CENTRED = {"model": {"name": "centred"}, "loss": None, "training": None}
SCORED = 150


def split(examples: Examples) -> tuple[Examples, Examples]:
    count = len(examples)
    return examples.of(np.arange(count - SCORED)), examples.of(np.arange(count - SCORED, count))


def train(trainer: Trainer, examples: Examples, seed: int = 0) -> tuple[Model, Histories]:
    return trainer.train(examples, seed, None, Listener())


def embeddings(model: Model, examples: Examples, accelerator: Accelerator) -> tuple[np.ndarray, np.ndarray]:
    inputs = examples.inputs.reduced(model, examples.images)
    left, right = (embed_images(model, inputs, side, accelerator) for side in (examples.left, examples.right))
    return left.cpu().numpy(), right.cpu().numpy()


def top_2(model: Model, scored: Examples) -> np.ndarray:
    queries, gallery = embeddings(model, scored, make_accelerator(torch.device("cpu"), "fp32"))
    beating = count_beating(queries, gallery, scorer_of(model))
    return expected_top_k(beating, len(beating) - 1, 20, 2)


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


PIXELS = {"size": 8, "colour": "grey"}
CONVNET = {"name": "convnet", "filters": (8, 16), "kernels": (3,), "dense": (32,)}
TRAINING = {"epochs": 8, "batch_size": 16, "learning_rate": 5e-3, "patience": 8}
IDLE = {"epochs": 1, "learning_rate": 1e-9}  # so slow that nothing changes
LOSSES: dict[str, dict[str, Any]] = {
    "contrastive": {"loss": {"name": "contrastive", "margin": 1.0}},
    "triplet": {"loss": {"name": "triplet"}},
    "triplet, mined": {"loss": {"name": "triplet"}, "mining": {"name": "semi_hard", "subset": 50, "k": 5}},
    "info_nce": {"loss": {"name": "info_nce"}},
    "cosine_margin": {"loss": {"name": "cosine_margin"}},
}


def inner_loss(row: Epoch) -> float:
    assert row.inner_loss is not None
    return row.inner_loss


def pictures(pictured: Make, **how: float) -> tuple[Examples, Examples]:
    examples = pictured(220, **how)
    return examples.of(np.arange(160)), examples.of(np.arange(160, 220))


@pytest.mark.parametrize("kind", list(LOSSES))
def test_every_loss_of_embeddings_learns(pictured: Make, recipe: MakeRecipe, trainer: MakeTrainer, kind: str) -> None:
    """The loss falls, and new pairs are found far more often than by the untrained network or by chance."""
    learned, scored = pictures(pictured)
    network: dict[str, Any] = {"pixels": PIXELS, "model": CONVNET}
    untrained, _ = train(trainer(recipe(**network, training=IDLE)), learned)
    model, histories = train(trainer(recipe(**network, training=TRAINING, **LOSSES[kind])), learned)
    rows = histories["training"]
    assert rows[-1].loss < 0.6 * rows[0].loss
    assert inner_loss(rows[-1]) < 0.8 * inner_loss(rows[0])
    assert all(row.inner_accuracy is None for row in rows)
    assert top_2(model, scored).mean() > top_2(untrained, scored).mean() + 0.3
    low, _ = bootstrap_interval(top_2(model, scored))
    assert low > 0.4


def test_reconstruction_learns(pictured: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    """The left picture is drawn from the right one: far better than by the mean of all of them."""
    learned, _ = pictures(pictured, faint=0.9)
    autoencoder = {"name": "autoencoder", "layers": 2, "encoder_filters": 8, "decoder_filters": 8}
    training = {**TRAINING, "learning_rate": 1e-2, "watch": "loss"}
    chosen = recipe(pixels=PIXELS, model=autoencoder, loss={"name": "reconstruction"}, training=training)
    _, histories = train(trainer(chosen), learned)
    left = learned.inputs.whole(learned.left)[:, 0].float() / 255
    mean = torch.nn.functional.binary_cross_entropy(left.mean(dim=0, keepdim=True).expand_as(left), left).item()
    perfect = torch.nn.functional.binary_cross_entropy(left.clamp(1e-6, 1 - 1e-6), left).item()
    rows = histories["training"]
    assert rows[0].loss > mean - 0.01
    assert inner_loss(rows[-1]) < mean - 0.25 * (mean - perfect)


def test_verdicts_are_learned(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    training = {"epochs": 12, "batch_size": 64, "learning_rate": 1e-2, "watch": "accuracy", "patience": 12}
    adaptation = {"name": "adaptation", "hidden": 64, "dropout": 0.2}
    verdicts = recipe(model=adaptation, loss={"name": "binary_cross_entropy"}, training=training)
    learned, scored = split(embedded(700, noise=0.5))
    model, histories = train(trainer(verdicts), learned)
    rows = histories["training"]
    assert rows[-1].loss < 0.7 * rows[0].loss
    assert max(row.inner_accuracy or 0 for row in rows) > 0.75
    low, _ = bootstrap_interval(top_2(model, scored))
    assert low > 0.5


@pytest.mark.parametrize("on", ["pairs", "images"])
def test_pretraining_learns(pictured: Make, recipe: MakeRecipe, trainer: MakeTrainer, on: str) -> None:
    """Barlow Twins on pairs finds matches; on two looks of each image it learns their looks, without any label."""
    barlow = {"name": "barlow_twins", "redundancy": 0.01}
    stage = {"on": on, "loss": barlow, "training": {**TRAINING, "batch_size": 64, "watch": "loss"}}
    looks = {**PIXELS, "augment": ("flip",)}
    network: dict[str, Any] = {"pixels": looks, "model": {**CONVNET, "dense": (16,)}, "training": IDLE}
    learned, scored = pictures(pictured)
    untrained, _ = train(trainer(recipe(**network)), learned)
    model, histories = train(trainer(recipe(**network, pretraining=stage)), learned)
    assert list(histories) == ["pretraining", "training"]
    rows = histories["pretraining"]
    assert rows[-1].loss < 0.5 * rows[0].loss
    assert inner_loss(rows[-1]) < 0.7 * inner_loss(rows[0])
    if on == "pairs":
        assert top_2(model, scored).mean() > top_2(untrained, scored).mean() + 0.3


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs that a training is made of; nothing is trained."""
    made: list[Job] = []

    def fit(job: Job, accelerator: Accelerator, checkpoint: object) -> list[Epoch]:
        made.append(job)
        return []

    monkeypatch.setattr(module, "fit", fit)
    return made


def test_the_inner_split_holds_whole_groups_that_are_never_learned_from(
    numbered: Make, recipe: MakeRecipe, trainer: MakeTrainer, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[np.ndarray] = []
    group = np.arange(200) // 4
    pictures = recipe(pixels=PIXELS, model=CONVNET, training={"inner_fraction": 0.2, "batch_size": 16})

    def validate(step: object, loss: object, held_out: Examples, *rest: object) -> None:
        held.append(held_out.left)

    monkeypatch.setattr(module, "validate", validate)
    train(trainer(pictures), numbered(200, group))
    (job,) = jobs
    assert job.validate is not None
    job.validate()
    learned = torch.cat([batch.anchors[:, 0] for batch in job.batches(0)]).numpy()
    assert len(held[0]) == 40
    assert sorted([*learned, *held[0]]) == list(range(200))
    assert set(group[learned]).isdisjoint(group[held[0]])
    assert len(list(job.batches(0))) == job.steps_in_epoch == 10


def test_a_split_by_shares_says_how_much_is_held_out(
    numbered: Make, recipe: MakeRecipe, trainer: MakeTrainer, jobs: list[Job]
) -> None:
    shares = recipe(split="60/20/20", pixels=PIXELS, model=CONVNET, training={"batch_size": 2})
    train(trainer(shares), numbered(80))
    assert sum(len(batch) for batch in jobs[0].batches(0)) == 60  # 20 of these 80 validate


def test_pairs_that_are_marked_validate_and_one_of_each_group_is_ranked(
    numbered: Make, recipe: MakeRecipe, trainer: MakeTrainer, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Examples, Examples]] = []
    monkeypatch.setattr(module, "validate", lambda step, loss, held, pairs, *rest: given.append((held, pairs)))
    marked = np.arange(80) % 4 == 1
    examples = replace(numbered(80, np.arange(80) // 8), held_out=marked)  # a group has pairs of both kinds
    pictures = recipe(split="60/20/20", pixels=PIXELS, model=CONVNET, training={"batch_size": 16})
    train(trainer(pictures), examples)
    (job,) = jobs
    assert job.validate is not None
    job.validate()
    ((held, pairs),) = given
    learned = torch.cat([batch.anchors[:, 0] for batch in job.batches(0)]).numpy()
    assert sorted(learned) == np.flatnonzero(~marked).tolist()
    assert held.left.tolist() == np.flatnonzero(marked).tolist()
    assert pairs.left.tolist() == list(range(1, 80, 8))  # the first marked one of each
    assert (pairs.right - pairs.left == 80).all()


def test_marked_pairs_are_not_learned_from_where_none_validate(
    numbered: Make, recipe: MakeRecipe, trainer: MakeTrainer, jobs: list[Job]
) -> None:
    examples = replace(numbered(80), held_out=np.arange(80) >= 70)
    pictures = recipe(pixels=PIXELS, model=CONVNET, training={"batch_size": 16, "inner_fraction": 0})
    train(trainer(pictures), examples)
    assert jobs[0].validate is None
    assert sorted(torch.cat([batch.anchors[:, 0] for batch in jobs[0].batches(0)]).tolist()) == list(range(70))


def test_where_nothing_is_learned_the_marked_pairs_are_not_fitted_on_either(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer
) -> None:
    examples = embedded()
    marked = np.arange(len(examples)) % 3 == 0
    told = replace(examples, held_out=marked)
    model, _ = train(trainer(recipe(**CENTRED)), told)
    learned = examples.of(~marked)
    expected = learned.inputs.whole(learned.images).mean(dim=(0, 1))
    torch.testing.assert_close(dict(model.named_buffers())["mean"], expected)


def test_a_margin_between_classes_learns(embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer) -> None:
    """New pairs, of classes that are not among the learned ones, are found far more often than before."""
    learned, scored = split(embedded())
    untrained, _ = train(trainer(recipe(**CENTRED)), learned)
    settings = {"epochs": 25, "batch_size": 64, "learning_rate": 5e-3, "patience": 25}
    trained, histories = train(trainer(recipe(loss={"name": "class_margin"}, training=settings)), learned)
    rows = histories["training"]
    assert rows[-1].loss < rows[0].loss / 2
    assert all(row.inner_loss is None and row.inner_top_2 is not None for row in rows)  # other classes than the learned
    assert top_2(trained, scored).mean() > top_2(untrained, scored).mean() + 0.1
    assert not any("directions" in name for name in trained.state_dict())  # the model has nothing of them


def test_classes_are_the_learned_groups_and_drawn_alike(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer, jobs: list[Job]
) -> None:
    whole = embedded(60)
    examples = Examples(whole.inputs, whole.left, whole.right, 7 * (np.arange(60) // 3), np.arange(60) >= 45)
    for seed in (0, 0, 1):
        train(trainer(recipe(loss={"name": "class_margin"})), examples, seed)
    steps = [job.step for job in jobs]
    assert steps[0].classes.tolist() == list(range(0, 7 * 15, 7))
    assert steps[0].directions.shape == (15, 48)
    assert torch.equal(steps[0].directions, steps[1].directions)
    assert not torch.equal(steps[0].directions, steps[2].directions)


def test_a_pretraining_on_images_sees_the_unlabelled_too(
    numbered: Make, recipe: MakeRecipe, trainer: MakeTrainer, jobs: list[Job]
) -> None:
    stage = {"on": "images", "loss": {"name": "barlow_twins"}, "training": {"batch_size": 64}}
    looks = {**PIXELS, "augment": ("flip",)}
    stages = recipe(pixels=looks, model=CONVNET, pretraining=stage, loss={"name": "triplet"})
    train(trainer(stages, np.arange(500, 530)), numbered(100))
    first, second = jobs
    seen = torch.cat([batch.anchors for batch in first.batches(0)])
    twins = torch.cat([batch.positives for batch in first.batches(0)])
    assert torch.equal(seen[:, 0], twins[:, 0])  # each image is its own match
    assert not torch.equal(seen[:, 1], twins[:, 1])  # in another look
    numbers = seen[:, 0].tolist()
    assert len(numbers) == len(set(numbers)) == 2 * 85 + 30
    assert set(range(500, 530)) < set(numbers)
    labelled = torch.cat([batch.anchors[:, 0] for batch in second.batches(0)]).tolist()
    assert set(labelled) == {number for number in numbers if number < 100}  # never the inner split's


def test_the_unlabelled_are_reduced_like_the_rest(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer, jobs: list[Job]
) -> None:
    stage = {"on": "images", "loss": {"name": "barlow_twins"}, "training": {"batch_size": 400}}
    everything, unlabelled = embedded(120), np.concatenate([np.arange(100, 120), np.arange(220, 240)])
    chosen = trainer(recipe(pretraining=stage), unlabelled)
    model, _ = train(chosen, everything.of(np.arange(100)))
    (batch,) = jobs[0].batches(0)
    possible = model.reduce(everything.inputs.whole(np.arange(240))).flatten(0, 1)  # in both orientations
    nearest = torch.cdist(batch.anchors, possible, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1)
    assert nearest.values.max() < 1e-4
    assert set(unlabelled) <= set((nearest.indices // 2).tolist())


def test_what_is_fitted_does_not_see_the_inner_split(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer, jobs: list[Job]
) -> None:
    examples = embedded(100)
    model, _ = train(trainer(recipe()), examples)
    fitted = build_model(recipe(), trainer(recipe()).given, 0)
    fitted.fit(examples.inputs.whole(examples.images), 0)
    assert not torch.allclose(model.mean, fitted.mean, atol=1e-6)


def test_refit_learns_from_all_pairs_for_as_long_as_it_is_told(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer, jobs: list[Job]
) -> None:
    stage = {"on": "images", "loss": {"name": "barlow_twins"}, "training": {"epochs": 9, "batch_size": 16}}
    chosen = trainer(recipe(pretraining=stage, training={"epochs": 30, "batch_size": 16, "patience": 1}))
    chosen.refit(embedded(48), {"pretraining": 4, "training": 7}, 0, Listener())
    assert [job.settings.epochs for job in jobs] == [4, 7]
    assert all(job.validate is None for job in jobs)
    assert [sum(len(batch) for batch in job.batches(0)) for job in jobs] == [96, 48]


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


@pytest.mark.parametrize("loss", ["info_nce", "cosine_margin", "contrastive", "triplet", "barlow_twins"])
@pytest.mark.parametrize("pairs", [2, 3])
def test_batches_of_a_single_pair_do_no_harm(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer, loss: str, pairs: int
) -> None:
    training = {"epochs": 3, "batch_size": 2, "inner_fraction": 0, "learning_rate": 1e-2}
    chosen = recipe(loss={"name": loss}, training=training)
    model, histories = train(trainer(chosen), embedded(pairs))
    assert len(histories["training"]) == 3
    assert all(np.isfinite(row.loss) for row in histories["training"])
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_a_single_pair_that_has_nothing_to_be_told_from(
    embedded: Make, recipe: MakeRecipe, trainer: MakeTrainer
) -> None:
    one = embedded(1)
    training = {"epochs": 3, "inner_fraction": 0}
    _, histories = train(trainer(recipe(training=training)), one)
    assert [row.loss for row in histories["training"]] == [0, 0, 0]
    with pytest.raises(UserError, match="there are no negatives"):
        train(trainer(recipe(loss={"name": "triplet"}, training=training)), one)
    with pytest.raises(UserError, match="1 pairs in 1 groups are too few to hold an inner split out"):
        train(trainer(recipe(training={"epochs": 3})), one)
