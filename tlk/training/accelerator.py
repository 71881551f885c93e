"""Where and in what precision a training runs."""

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, InitProcessGroupKwargs

from tlk.backbones.precision import native_precision
from tlk.errors import UserError

TRACKERS = ("tensorboard",)

# The others wait for as long as the first process embeds, which for a large collection is hours.
_PATIENCE = timedelta(days=2)
_NAMES = {torch.bfloat16: "bf16", torch.float16: "fp16", torch.float32: "no"}


def require_tracker(name: str | None) -> None:
    """Raise a UserError unless the tracker is known and installed: Accelerate would leave it out without a word."""
    if name is None:
        return
    if name not in TRACKERS:
        raise UserError(f"--log-with {name}: no such tracker\nthere is: {', '.join(TRACKERS)}")
    if find_spec(name) is None:
        raise UserError(f"--log-with {name}: it is not installed\npip install 'tlk[{name}]'")


def make_accelerator(
    device: torch.device,
    precision: str,
    log_with: str | None = None,
    folder: Path | None = None,
    in_parts: bool = False,
) -> Accelerator:
    """Return Accelerate's accelerator; of several processes each gets its own device.

    `mixed` precision is bfloat16, or float16 on a GPU that lacks it; a CPU that does not compute it natively keeps full
    precision, and so do Apple's GPUs. A model `in_parts` leaves some out, by its loss.
    """
    AcceleratorState._reset_state()  # one process may train several recipes, each in a precision of its own
    return Accelerator(
        cpu=device.type == "cpu",
        mixed_precision=_NAMES[native_precision(device)] if precision == "mixed" else "no",
        log_with=log_with,
        project_dir=str(folder) if folder is not None else None,
        kwargs_handlers=[
            DistributedDataParallelKwargs(find_unused_parameters=in_parts),
            InitProcessGroupKwargs(timeout=_PATIENCE),
        ],
    )
