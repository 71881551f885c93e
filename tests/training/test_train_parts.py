"""Which pairs and images a training learns from, validates on and fits on: never those it is scored on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.conftest import CENTRED, CONVNET, PIXELS, Make, MakeRecipe, MakeTrainer, train
from tlk.training import train as module
from tlk.training.examples import Examples
from tlk.training.loop import Job, Listener
from tlk.training.models import build_model


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
