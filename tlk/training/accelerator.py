"""Where and in what precision a training runs."""

from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from tlk.backbones.precision import native_precision
from tlk.errors import UserError

TRACKERS = ("tensorboard",)

_NAMES = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "no"}


def make_accelerator(
    device: torch.device, precision: str, log_with: str | None = None, folder: Path | None = None
) -> Accelerator:
    """Return Accelerate's accelerator; of several processes each gets its own device.

    `mixed` precision is bfloat16, or float16 on a GPU that lacks it; a CPU that does not compute it natively keeps full
    precision, and so do Apple's GPUs.

    Raises:
        UserError: the tracker is not known or not installed.
    """
    if log_with is not None and log_with not in TRACKERS:
        raise UserError(f"--log-with {log_with}: there is {', '.join(TRACKERS)}")
    AcceleratorState._reset_state()  # one process may train several recipes, each in a precision of its own
    try:
        return Accelerator(
            cpu=device.type == "cpu",
            mixed_precision=_NAMES[native_precision(device)] if precision == "mixed" else "no",
            log_with=log_with,
            project_dir=str(folder) if folder is not None else None,
        )
    except (ImportError, ValueError) as error:
        raise UserError(f"--log-with {log_with}: {error}\npip install 'tlk[{log_with}]'") from error
