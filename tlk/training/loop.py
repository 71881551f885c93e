"""The loop: batches in, loss down, early stopping on an inner score, the best weights kept."""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, broadcast_object_list
from torch import Tensor

from tlk.recipe_schema import TrainingParameters
from tlk.seeding import derive_seed
from tlk.training.ahead import ahead
from tlk.training.checkpoint import Checkpoint
from tlk.training.deadline import Deadline
from tlk.training.examples import Batch
from tlk.training.finite import require_finite_loss, require_finite_weights
from tlk.training.history import Epoch, best_epoch
from tlk.training.optimise import Stepper, compiled
from tlk.training.profile import MINING, MOVING, VALIDATING, WAITING, WHOLE, Profile
from tlk.training.schedule import rate_factor
from tlk.training.steps import Step
from tlk.training.validate import Scores


class Listener:
    """Hears how a training goes; this one does not care."""

    def note(self, text: str) -> None:
        """Take one line that the user should see."""

    def step(self, done: int, total: int, loss: float) -> None:
        """Take how many steps are done, of how many at the most, and the last loss."""

    def epoch(self, stage: str, row: Epoch) -> None:
        """Take an epoch of a stage that has just ended."""


@dataclass
class Job:
    """What is to be trained, and how."""

    step: Step  # what turns a batch into what the loss takes
    loss: Callable[..., Tensor]
    in_batch: bool  # whether the loss compares the pairs of a batch with each other
    batches: Callable[[int], Iterator[Batch]]  # of an epoch, counted from 0
    steps_in_epoch: int
    validate: Callable[[], Scores] | None  # without it the last epoch is the best
    settings: TrainingParameters
    seed: int
    stage: str = "training"
    negatives: Any = None  # mined ones have a state of their own
    listener: Listener = field(default_factory=Listener)
    profile: Profile = field(default_factory=Profile)
    deadline: Deadline = field(default_factory=Deadline)


def fit(job: Job, accelerator: Accelerator, checkpoint: Checkpoint | None = None) -> list[Epoch]:
    """Train the job's model in place and leave it in evaluation mode with the weights of its best epoch.

    With a checkpoint, a training that was interrupted goes on from its last state and ends where it would have ended.

    In float16 a step whose gradients overflow is skipped; where its loss is not finite, the epoch's leaves it out.

    Raises:
        DivergedError: a loss or a weight is not finite any more, or float16 overflowed in too many steps in a row; the
            checkpoint keeps the last good epoch.
        UserError: a single pair does not fit into memory, or this machine cannot compile the model.
    """
    with job.profile.of(WHOLE):
        history = _fit(job, accelerator, checkpoint)
    mined = getattr(job.negatives, "seconds", {})  # within the waiting for an epoch's first batch
    job.profile.move(sum(mined.values()), WAITING, MINING)
    return history


def _fit(job: Job, accelerator: Accelerator, checkpoint: Checkpoint | None) -> list[Epoch]:
    settings, model = job.settings, job.step.model
    groups = job.step.parameter_groups(settings.learning_rate)
    rates = [group["lr"] for group in groups]
    optimiser: Any = torch.optim.AdamW(groups, weight_decay=settings.weight_decay)
    prepared, optimiser = accelerator.prepare(job.step, optimiser)
    stepper = Stepper(
        compiled(prepared) if settings.compile else prepared,
        job.loss,
        job.in_batch,
        optimiser,
        accelerator,
        settings.accumulate,
        settings.clip,
        job.listener.note,
        job.profile,
    )
    history, best = _resume(job, stepper, checkpoint)
    stopped = False
    while is_unfinished(history, settings) and not stopped:
        started, epoch = time.perf_counter(), len(history)
        loss = _train_epoch(job, prepared, stepper, optimiser, rates, epoch, accelerator)
        with job.profile.of(VALIDATING):
            scores = _agreed(job.validate(), accelerator) if job.validate is not None else None
        if scores is not None and scores.loss is not None:
            require_finite_loss(scores.loss, epoch, job.stage, settings, "inner loss")
        require_finite_weights(model, epoch, job.stage, settings)
        rate = optimiser.param_groups[0]["lr"]
        history.append(Epoch.of_scores(epoch + 1, loss, scores, rate, time.perf_counter() - started))
        if best_epoch(history, settings.watch) == epoch + 1:
            best = copy.deepcopy(model.state_dict())
        job.listener.epoch(job.stage, history[-1])
        if checkpoint is not None:
            _save(job, stepper, checkpoint, history, best)
        stopped = _is_out_of_time(job, history, accelerator)
    stepper.overflows.require_taken(job.stage)
    accelerator.free_memory()  # it keeps what it prepared, fold after fold
    model.load_state_dict(best)
    model.eval()
    return history


def _save(job: Job, stepper: Stepper, checkpoint: Checkpoint, history: list[Epoch], best: dict[str, Tensor]) -> None:
    mined = job.negatives.state_dict() if hasattr(job.negatives, "state_dict") else {}
    kept = {f"best.{key}": value for key, value in best.items()}
    progress = {"history": [asdict(row) for row in history], "parts": stepper.parts}
    checkpoint.save(len(history), progress, kept | mined)


def _resume(job: Job, stepper: Stepper, checkpoint: Checkpoint | None) -> tuple[list[Epoch], dict[str, Tensor]]:
    """Return history and best weights so far, and put everything else back to where it was."""
    found = checkpoint.load() if checkpoint is not None else None
    if found is None:
        return [], copy.deepcopy(job.step.model.state_dict())
    progress, tensors = found
    stepper.parts = progress["parts"]
    if hasattr(job.negatives, "load_state_dict"):
        job.negatives.load_state_dict(tensors)
    best = {key.removeprefix("best."): value for key, value in tensors.items() if key.startswith("best.")}
    return [Epoch.of(row) for row in progress["history"]], best


def _is_over(history: list[Epoch], settings: TrainingParameters) -> bool:
    """Return whether as many epochs as there is patience for have passed since the best one."""
    return bool(history) and len(history) - best_epoch(history, settings.watch) >= settings.patience


def is_unfinished(history: list[Epoch], settings: TrainingParameters) -> bool:
    """Return whether a training with this history has epochs left, and patience."""
    return len(history) < settings.epochs and not _is_over(history, settings)


def _is_out_of_time(job: Job, history: list[Epoch], accelerator: Accelerator) -> bool:
    """Return whether there is no time for another epoch like the last one; the first process decides."""
    if job.deadline.minutes is None or not is_unfinished(history, job.settings):
        return False
    stop = [not job.deadline.allows(history[-1].seconds)]
    if accelerator.num_processes > 1:
        broadcast_object_list(stop)
    if stop[0]:
        job.deadline.stopped += 1
        job.listener.note(f"no time for more: {job.stage} ends after epoch {len(history)} of {job.settings.epochs}")
    return stop[0]


def _agreed(scores: Scores, accelerator: Accelerator) -> Scores:
    """Return the first process's scores: where rounding makes them differ, one must not stop while another goes on."""
    return broadcast_object_list([scores])[0] if accelerator.num_processes > 1 else scores


def _train_epoch(
    job: Job,
    prepared: Any,
    stepper: Stepper,
    optimiser: Any,
    rates: list[float],
    epoch: int,
    accelerator: Accelerator,
) -> float:
    """Return the mean loss of one epoch of steps."""
    prepared.train()
    # Dropout hangs on epoch and process, not on what happened before: resuming needs to know nothing else.
    torch.manual_seed(derive_seed(job.seed, "epoch", epoch, accelerator.process_index))
    total = job.settings.epochs * job.steps_in_epoch
    losses = []
    drawn = ahead(job.batches(epoch), partial(job.profile.of, WAITING))
    for number, batch in enumerate(drawn, epoch * job.steps_in_epoch):
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * rate_factor(job.settings, number, total)
        with job.profile.of(MOVING):
            moved = batch.to(accelerator.device)
        value = stepper(moved)
        loss = value.item()
        job.listener.step(number + 1, total, loss)
        stepper.overflows.require_few(epoch, job.stage)
        if stepper.overflows.in_a_row and not math.isfinite(loss):
            continue
        losses.append(value)
        if accelerator.num_processes == 1:  # several find out together, at the end of the epoch
            require_finite_loss(loss, epoch, job.stage, job.settings)
    prepared.eval()
    for buffer in prepared.buffers():  # batch norm has seen another part of the batches in each process
        broadcast(buffer)
    own = torch.stack(losses).mean() if losses else torch.tensor(math.nan, device=accelerator.device)
    mean = float(accelerator.reduce(own, "mean").item())
    require_finite_loss(mean, epoch, job.stage, job.settings)
    return mean
