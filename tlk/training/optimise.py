"""One step of the optimiser: a batch computed in parts, across processes, in as many parts as memory asks for."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils.memory import should_reduce_batch_size
from torch import Tensor

from tlk.errors import UserError
from tlk.training.examples import Batch
from tlk.training.finite import Overflows
from tlk.training.profile import BACKWARD, FORWARD, STEPPING, Profile


class Stepper:
    """Does the steps, and remembers into how many parts a batch has to be cut."""

    def __init__(
        self,
        prepared: Any,
        loss: Callable[..., Tensor],
        in_batch: bool,
        optimiser: Any,
        accelerator: Accelerator,
        parts: int,
        clip: float | None,
        note: Callable[[str], None],
        profile: Profile | None = None,
    ) -> None:
        self.parts = parts
        self.overflows = Overflows()
        self._prepared = prepared
        self._loss = loss
        self._in_batch = in_batch
        self._optimiser = optimiser
        self._accelerator = accelerator
        self._clip = clip
        self._note = note
        self._profile = profile or Profile()

    def __call__(self, batch: Batch) -> Tensor:
        """Return the batch's loss after a step down its gradient; out of memory, cut the batch finer and try again.

        In float16 a step whose gradient is not finite is skipped, and counted among the `overflows`.

        Raises:
            UserError: a single pair does not fit into memory, one of several processes runs out of it, or this
                machine cannot compile what it was asked to.
        """
        while True:
            try:
                value = self._gradient(batch)
                break
            except RuntimeError as error:
                if not should_reduce_batch_size(error):
                    _require_compiled(error)
                    raise
            self._cut_finer(batch)
        with self._profile.of(STEPPING):
            if self._clip is not None:
                self._accelerator.clip_grad_norm_(self._prepared.parameters(), self._clip)
            self._optimiser.step()
            self.overflows.count(self._optimiser)
        return value

    def _gradient(self, batch: Batch) -> Tensor:
        """Lay the gradient of the mean loss over the batch on the parameters and return that mean."""
        self._optimiser.zero_grad()
        parts, total = batch.parts(self.parts), torch.zeros((), device=self._accelerator.device)
        for number, part in enumerate(parts):
            last = number + 1 == len(parts)
            waiting: AbstractContextManager[Any] = (
                nullcontext() if last else self._accelerator.no_sync(self._prepared)
            )  # gradients travel between processes once a step
            with waiting:
                with self._profile.of(FORWARD):
                    outputs, scale = self._prepared(part), 1.0
                    if self._in_batch and self._accelerator.num_processes > 1:
                        outputs, scale = gather(outputs, self._accelerator), float(self._accelerator.num_processes)
                    value = self._loss(*outputs) * (len(part) / len(batch))
                with self._profile.of(BACKWARD):
                    self._accelerator.backward(value * scale)
            total += value.detach()
        return total

    def _cut_finer(self, batch: Batch) -> None:
        if self._accelerator.num_processes > 1:
            raise UserError(
                "out of memory in one of several processes\nhalve training.batch_size, or double training.accumulate"
            )
        fewest, least = (2, "two pairs") if self._in_batch else (1, "a single pair")
        finer = min(self.parts * 2, len(batch) // fewest)
        if finer <= self.parts:
            raise UserError(f"out of memory with {least}\nmake the inputs smaller, or take a smaller model")
        self.parts = finer
        torch.cuda.empty_cache()
        narrower = "; each part compares its own pairs alone" if self._in_batch else ""
        self._note(f"out of memory: each batch is now computed in {self.parts} parts{narrower}")


def gather(outputs: tuple[Tensor | None, ...], accelerator: Accelerator) -> tuple[Tensor | None, ...]:
    """Return each `(b, …)` output of all processes as one; the gradient flows into this process's own part alone.

    Each process then computes the whole loss, so that its own part of the gradient is complete. Data-parallel training
    averages the gradients of the processes: the loss has to be multiplied by their number to undo it.
    """
    whole = []
    for output in outputs:
        if output is not None:
            parts = list(accelerator.gather(output.detach()).chunk(accelerator.num_processes))
            parts[accelerator.process_index] = output
            output = torch.cat(parts)
        whole.append(output)
    return tuple(whole)


def compiled(prepared: Any) -> Any:
    """Return a module that computes the same, compiled when it is first called; the module itself stays as it was.

    The first batch's size is taken for fixed; the second size that comes along compiles once more, for any size.

    Raises:
        UserError: torch knows beforehand that it cannot.
    """
    torch.compiler.reset()  # what was compiled for another fold's model stays in memory, and counts against a limit
    try:
        return torch.compile(prepared)
    except RuntimeError as error:
        raise _cannot_compile(error) from error


def _require_compiled(error: RuntimeError) -> None:
    """Raise a UserError if it was compiling that failed: it happens within the first steps, forward or backward."""
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        raise _cannot_compile(error) from error


def _cannot_compile(error: RuntimeError) -> UserError:
    cause = getattr(error, "inner_exception", error)  # the outer one may say no more than that something was raised
    why = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    return UserError(
        f"training.compile: the model cannot be compiled here: {why}\nset it to false, or install what is missing"
    )
