"""Every loss learns what it is there for, and single pairs do no harm."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.training.conftest import (
    CENTRED,
    CONVNET,
    IDLE,
    PIXELS,
    TRAINING,
    Make,
    MakeRecipe,
    MakeTrainer,
    split,
    top_2,
    train,
)
from tlk.errors import UserError
from tlk.metrics import bootstrap_interval
from tlk.training.examples import Examples
from tlk.training.history import Epoch

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
