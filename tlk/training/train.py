"""One model, trained on the pairs of some folds: the inner split, the stages, the negatives."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from tlk.constants import PICKS
from tlk.data.folds import split_groups
from tlk.errors import UserError
from tlk.losses.per_part import PerPart
from tlk.losses.registry import LOSSES
from tlk.models.base import Given, Model, Verdict
from tlk.recipe_schema import Recipe, TrainingParameters
from tlk.registry import parameters_of
from tlk.seeding import derive_seed
from tlk.training.checkpoint import Checkpoint
from tlk.training.deadline import Deadline
from tlk.training.examples import Batch, Examples, Share, batches_in_epoch, draw_batches
from tlk.training.history import Epoch
from tlk.training.loop import Job, Listener, fit
from tlk.training.models import build_model
from tlk.training.negatives import MinedNegatives, RandomNegatives
from tlk.training.profile import Profile
from tlk.training.pseudo_pairs import pseudo_pairs
from tlk.training.steps import STEPS, Classes
from tlk.training.validate import Scores, validate

AGAIN = "again "  # before a stage's name: the second training, with pseudo-pairs
Histories = dict[str, list[Epoch]]  # by stage: "pretraining", "training"


@dataclass(frozen=True)
class Trainer:
    """What the trainings of a recipe's folds have in common."""

    recipe: Recipe
    given: Given
    accelerator: Accelerator
    unlabelled: np.ndarray  # numbers of images without labels, for a pretraining on images or pseudo-pairs
    unlabelled_left: int  # the first so many of them are left images
    profile: Profile = field(default_factory=Profile)
    deadline: Deadline = field(default_factory=Deadline)

    def train(self, examples: Examples, seed: int, states: Path | None, listener: Listener) -> tuple[Model, Histories]:
        """Return a model trained on all of `examples`, and what happened (nothing, for a recipe that learns nothing).

        An inner split, whole groups, decides when to stop; fitted means and PCA do not see it either. Where the recipe
        holds none out, all epochs are gone through and the last one is kept. `states` is the folder where the
        training's state is kept, for resuming.

        Raises:
            UserError: too few pairs to hold some out, or a loss that is not finite.
        """
        if self.recipe.training is None:
            model = build_model(self.recipe, self.given, seed)
            _fit(model, examples if examples.held_out is None else examples.of(~examples.held_out), seed)
            return model.to(self.accelerator.device).eval(), {}
        learned, held_out = self._split(examples, seed)
        model, histories = self._run(learned, held_out, seed, states, listener)
        if self.recipe.pseudo_pairs:
            learned = self._with_pseudo_pairs(learned, examples, model, listener)
            states = states and states / "again"
            model, again = self._run(learned, held_out, derive_seed(seed, "again"), states, listener, AGAIN)
            histories |= again
        return model, histories

    def _split(self, examples: Examples, seed: int) -> tuple[Examples, Examples | None]:
        """Return the pairs that are learned from, and those that validate, if any do."""
        if examples.held_out is not None:
            marked = examples.of(examples.held_out)
            return examples.of(~examples.held_out), marked if self.recipe.inner_fraction else None
        if self.recipe.inner_fraction == 0:
            return examples, None
        inner = split_groups(examples.group, self.recipe.inner_fraction, derive_seed(seed, "inner"))
        if inner.sum() <= PICKS or (~inner).sum() < PICKS:  # of so few, all are always among the picks
            groups = len(np.unique(examples.group))
            raise UserError(
                f"{len(examples)} pairs in {groups} groups are too few to hold an inner split out\n"
                "bring more pairs, or hold fewer out: training.inner_fraction"
            )
        return examples.of(~inner), examples.of(inner)

    def _with_pseudo_pairs(self, learned: Examples, known: Examples, model: Model, listener: Listener) -> Examples:
        """Return the pairs to learn from, and those that a trained model finds among the unlabelled images."""
        left, right = np.split(self.unlabelled, [self.unlabelled_left])
        more = pseudo_pairs(model, known, left, right, self.accelerator)
        listener.note(f"{len(more)} pseudo-pairs among {len(left)} left images without labels: transductive")
        return learned.with_more(more)

    def refit(self, examples: Examples, epochs: dict[str, int], seed: int, listener: Listener) -> Model:
        """Return a model trained on all of `examples`, each stage for as many epochs as the folds found right."""
        if self.recipe.training is None:
            return self.train(examples, seed, None, listener)[0]
        model, _ = self._with_epochs(epochs, "")._run(examples, None, seed, None, listener)
        if self.recipe.pseudo_pairs:
            learned = self._with_pseudo_pairs(examples, examples, model, listener)
            seed = derive_seed(seed, "again")
            model, _ = self._with_epochs(epochs, AGAIN)._run(learned, None, seed, None, listener, AGAIN)
        return model

    def _with_epochs(self, epochs: dict[str, int], prefix: str) -> "Trainer":
        """Return a trainer whose stages take so many epochs."""
        recipe, update = self.recipe, {}
        if recipe.training is not None:
            update["training"] = _for_epochs(recipe.training, epochs[f"{prefix}training"])
        if recipe.pretraining is not None:
            stage = _for_epochs(recipe.pretraining.training, epochs[f"{prefix}pretraining"])
            update["pretraining"] = recipe.pretraining.model_copy(update={"training": stage})  # type: ignore[assignment]
        return replace(self, recipe=recipe.model_copy(update=update))

    def _run(
        self,
        learned: Examples,
        held_out: Examples | None,
        seed: int,
        states: Path | None,
        listener: Listener,
        prefix: str = "",
    ) -> tuple[Model, Histories]:
        """Build a model, fit what is fitted, go through the stages; the global random states stay as they were."""
        model = build_model(self.recipe, self.given, seed)
        held = held_out.images if held_out is not None else np.empty(0, np.int64)
        used = np.concatenate([learned.images, held, self.unlabelled])
        _fit(model, learned, seed)
        model.to(self.accelerator.device)
        inputs = learned.inputs.reduced(model, used)
        learned, held_out = replace(learned, inputs=inputs), held_out and replace(held_out, inputs=inputs)
        histories: Histories = {}
        cuda = self.accelerator.device.type == "cuda"
        with torch.random.fork_rng([self.accelerator.device] if cuda else []):
            stages = list(self._stages())
            again = len(stages) if self.recipe.pseudo_pairs and not prefix else 0
            for number, (stage, on, loss, settings) in enumerate(stages):
                checkpoint = Checkpoint(states / stage, self.accelerator) if states is not None else None
                job = self._job(stage, on, loss, settings, model, learned, held_out, seed, listener)
                job.stage = prefix + stage
                with self.deadline.share(len(stages) - number + again):
                    histories[job.stage] = fit(job, self.accelerator, checkpoint)
        return model.eval(), histories

    def _stages(self) -> Iterator[tuple[str, str, dict[str, object], TrainingParameters]]:
        """Yield the stages in order: name, what they learn on, loss, settings."""
        if self.recipe.pretraining is not None:
            stage = self.recipe.pretraining
            yield "pretraining", stage.on, stage.loss, stage.training
        if self.recipe.training is not None:
            yield "training", "pairs", self.recipe.loss or {}, self.recipe.training

    def _job(
        self,
        stage: str,
        on: str,
        table: dict[str, object],
        settings: TrainingParameters,
        model: Model,
        learned: Examples,
        held_out: Examples | None,
        seed: int,
        listener: Listener,
    ) -> Job:
        entry = LOSSES[str(table["name"])]
        loss_class, parameters = parameters_of(table, LOSSES)
        loss, seed = loss_class(parameters), derive_seed(seed, stage)
        if model.parts > 1 and entry.takes == "embeddings":
            loss = PerPart(loss, model.parts)
        step = _classes(model, learned, seed) if entry.takes == "classes" else STEPS[entry.takes](model)
        # Every query against the whole gallery: cheap for cosines, for a learned similarity only if it is asked for.
        ranked = settings.watch == "top_2" or not isinstance(model, Verdict)
        # Where groups are large, as an artist's, another pair of the own group must not count as a wrong answer.
        pairs = held_out if held_out is None or held_out.held_out is None else held_out.one_a_group()
        if on == "images":
            learned, held_out = _alone(learned, self.unlabelled), held_out and _alone(held_out, np.empty(0, np.int64))
        negatives: RandomNegatives | None = None
        if self.recipe.mining is not None and stage == "training":
            negatives = MinedNegatives(learned, self.recipe, model, self.accelerator, seed)
        elif entry.negatives == "needed":
            negatives = RandomNegatives(learned, seed, settings.fresh_negatives)

        def batches(epoch: int) -> Iterator[Batch]:
            share = Share(self.accelerator.process_index, self.accelerator.num_processes)
            return draw_batches(learned, settings.batch_size, negatives, seed, epoch, share)

        def scores() -> Scores:
            assert held_out is not None and pairs is not None  # noqa: PT018, S101
            size, needed = settings.batch_size, negatives is not None
            return validate(step, loss, held_out, pairs, size, needed, seed, self.accelerator, ranked)

        self._require_shares(len(learned), settings, entry.in_batch)
        return Job(
            step=step,
            loss=loss,
            in_batch=entry.in_batch,
            batches=batches,
            steps_in_epoch=batches_in_epoch(len(learned), settings.batch_size),
            validate=scores if held_out is not None else None,
            settings=settings,
            seed=seed,
            stage=stage,
            negatives=negatives,
            listener=listener,
            profile=self.profile,
            deadline=self.deadline,
        )

    def _require_shares(self, pairs: int, settings: TrainingParameters, in_batch: bool) -> None:
        """Raise a UserError unless every process has a pair of every batch."""
        smallest = pairs // batches_in_epoch(pairs, settings.batch_size)
        processes = self.accelerator.num_processes
        if smallest < processes * (1 if processes == 1 or not in_batch else 2):
            raise UserError(
                f"batches of {smallest} pairs are too small for {processes} processes\n"
                "raise training.batch_size, or take fewer processes"
            )


def _fit(model: Model, examples: Examples, seed: int) -> None:
    if type(model).fit is not Model.fit:
        model.fit(examples.inputs.whole(examples.images), seed)


def _classes(model: Model, learned: Examples, seed: int) -> Classes:
    """Return the step of a loss over classes, its directions drawn from `seed`; they live where the model does."""
    with torch.no_grad():
        one = learned.inputs.whole(learned.left[:1])[:, 0]
        device = next(model.parameters()).device
        width = model.eval()(one.to(device)).shape[1]
    torch.manual_seed(derive_seed(seed, "classes"))
    return Classes(model, torch.from_numpy(np.unique(learned.group)), width).to(device)


def _alone(examples: Examples, more: np.ndarray) -> Examples:
    """Return every image as its own match, for a loss that needs no labels."""
    images = np.concatenate([examples.images, np.setdiff1d(more, examples.images)])
    return Examples(examples.inputs, images, images, np.arange(len(images)))


def _for_epochs(settings: TrainingParameters, epochs: int) -> TrainingParameters:
    return settings.model_copy(update={"epochs": max(1, epochs), "patience": max(1, epochs)})
