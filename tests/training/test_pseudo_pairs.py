"""Pseudo-pairs: images that find each other, learned from in a second training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from tlk.errors import UserError
from tlk.models.base import Given
from tlk.models.centred import Centred
from tlk.models.registry import CentredParameters
from tlk.recipe import parse_recipe
from tlk.recipe_schema import Recipe
from tlk.training.examples import Examples
from tlk.training.inputs import EmbeddingInputs
from tlk.training.loop import Job, Listener
from tlk.training.pseudo_pairs import pseudo_pairs
from tlk.training.train import Trainer


def of_vectors(vectors: list[list[float]]) -> Examples:
    """One known pair, and more images."""
    inputs = EmbeddingInputs(torch.tensor(vectors)[:, None])
    return Examples(inputs, np.array([0]), np.array([1]), np.array([4]))


def found(examples: Examples, left: list[int], right: list[int], accelerator: Accelerator) -> Examples:
    model = Centred(CentredParameters(), Given((2,)))
    return pseudo_pairs(model, examples, np.array(left, np.int64), np.array(right, np.int64), accelerator)


def test_they_are_each_others_nearest(accelerator: Accelerator) -> None:
    examples = of_vectors([[1, 0], [1, 0], [1, 0], [0, 1], [0.9, 0.3], [0.1, 1], [1, 0.1]])
    more = found(examples, [2, 3, 4], [5, 6], accelerator)  # 4 wants 6, which prefers 2
    assert list(zip(more.left.tolist(), more.right.tolist(), strict=True)) == [(2, 6), (3, 5)]
    assert more.group.tolist() == [5, 6]  # after the known ones
    assert len(found(examples, [], [5], accelerator)) == len(found(examples, [2], [], accelerator)) == 0


def test_the_second_training_learns_from_them_too(
    embedded: Callable[..., Examples],
    recipe: Callable[..., Recipe],
    accelerator: Accelerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs: list[Job] = []
    monkeypatch.setattr("tlk.training.train.fit", lambda job, *rest: jobs.append(job) or [])
    notes: list[str] = []

    class Notes(Listener):
        def note(self, text: str) -> None:
            notes.append(text)

    everything = embedded(140)
    unlabelled = np.concatenate([np.arange(120, 140), np.arange(260, 280)])
    training = {"batch_size": 500, "inner_fraction": 0}
    trainer = Trainer(
        recipe(pseudo_pairs=True, training=training),
        Given((40, everything.inputs.vectors.shape[-1] - 40)),
        accelerator,
        unlabelled,
        20,
    )
    _, histories = trainer.train(everything.of(np.arange(100)), 0, None, Notes())
    assert list(histories) == ["training", "again training"]
    first, second = ([len(batch) for batch in job.batches(0)] for job in jobs)
    count = int(notes[0].split()[0])
    assert (first, second) == ([100], [100 + count])
    assert 0 < count <= 20
    assert "transductive" in notes[0]
    trainer.refit(everything.of(np.arange(100)), {"training": 3, "again training": 5}, 0, Notes())
    assert [(job.stage, job.settings.epochs) for job in jobs[2:]] == [("training", 3), ("again training", 5)]
    assert [sum(len(batch) for batch in job.batches(0)) for job in jobs[2:]] == [100, 100 + int(notes[1].split()[0])]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"model": {"name": "centred"}}, "pseudo_pairs: nothing is learned without loss and training"),
        (
            {"model": {"name": "adaptation"}, "loss": {"name": "binary_cross_entropy"}, "training": {}},
            "pseudo_pairs: loss binary_cross_entropy does not train embeddings that find each other",
        ),
    ],
)
def test_models_without_trained_embeddings_refuse_them(change: dict[str, Any], fault: str) -> None:
    document = {"name": "a", "summary": "", "source": "", "embedding": {"descriptors": ["thumbnail"]}}
    with pytest.raises(UserError, match=fault):
        parse_recipe(document | change | {"pseudo_pairs": True}, "a.toml")
