"""The full state of a training at the end of an epoch: killed at any moment, it goes on as if nothing had happened."""

import random
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from accelerate.utils import load as read_state
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from tlk.backbones.pickles import weights_only
from tlk.errors import UserError
from tlk.files import in_bytes, read_json, write_json

# Between two savings: a state is written when losing what came after it would be a pity.
SAVE_SECONDS = 20.0


class Checkpoint:
    """One folder that holds the latest state; model, optimiser, scaler and random states in Accelerate's own format.

    A state is written beside and renamed into place, `state-<epoch>`; older ones go afterwards.
    """

    def __init__(self, folder: Path, accelerator: Accelerator) -> None:
        self._folder = folder
        self._accelerator = accelerator
        self._saved = float("-inf")

    def save(self, epoch: int, progress: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """Keep the state after `epoch` epochs, unless one was kept a moment ago.

        Raises:
            UserError: the folder cannot be written to; the state before this one stays.
        """
        if not self._is_due():
            return
        new = self._folder / f".state-{epoch}"
        try:
            self._write(new, progress, tensors)
        except (OSError, RuntimeError, SafetensorError, UserError) as error:  # torch's and safetensors', of a full disk
            shutil.rmtree(new, ignore_errors=True)
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            free = in_bytes(shutil.disk_usage(self._folder.parent).free)
            remedy = f"{free} are free there: make some room, then go on with --resume"
            raise UserError(f"cannot keep the training's state in {self._folder}: {why[:200]}\n{remedy}") from error

    def _write(self, new: Path, progress: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        if self._accelerator.is_main_process:
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(parents=True)
        self._accelerator.wait_for_everyone()
        self._accelerator.save_state(str(new))
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            save_file({key: value.contiguous() for key, value in tensors.items()}, new / "kept.safetensors")
            write_json(new / "progress.json", progress)
            new.rename(new.with_name(new.name[1:]))
            for old in self._states()[:-1]:
                shutil.rmtree(old, ignore_errors=True)

    def load(self) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
        """Put the latest state back into what the accelerator prepared, and return its progress and tensors.

        Raises:
            UserError: it is damaged; what was loaded by then stays half loaded, so that nothing may go on from it.
        """
        states = self._states()
        if not states:
            return None
        python, numbers = random.getstate(), np.random.get_state()  # Accelerate turns these back, too
        try:
            with weights_only():  # Accelerate pickles all but the model
                # Of random states that it cannot read it says nothing, and what follows would not be the same.
                read_state(states[-1] / f"random_states_{self._accelerator.process_index}.pkl")
                self._accelerator.load_state(str(states[-1]))
            progress: dict[str, Any] = read_json(states[-1] / "progress.json")
            return progress, load_file(states[-1] / "kept.safetensors")
        except Exception as error:  # each of these readers raises a kind of its own for every fault
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            remedy = "remove this folder and resume: this one model is then trained from its beginning"
            raise UserError(f"cannot read {states[-1]}: {why}\n{remedy}") from error
        finally:
            random.setstate(python)
            np.random.set_state(numbers)

    def _states(self) -> list[Path]:
        return sorted(self._folder.glob("state-*"), key=lambda path: int(path.name.removeprefix("state-")))

    def _is_due(self) -> bool:
        """Return whether it is time to save; the main process decides, because clocks differ."""
        now = time.monotonic()
        due = [now - self._saved >= SAVE_SECONDS]
        if self._accelerator.num_processes > 1:
            from accelerate.utils import broadcast_object_list

            broadcast_object_list(due)
        if due[0]:
            self._saved = now
        return due[0]
