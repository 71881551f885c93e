"""What every loss does with its inputs before its formula."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")


def full_precision(forward: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Let a loss's `forward` compute in float32 at least, also under autocast, on tensors of one shape.

    Half-precision tensors arrive as float32, float64 stays float64. A NaN among them makes the loss NaN.

    Raises:
        ValueError: the tensors differ in shape (they would broadcast to a wrong loss), or the batch is empty.
    """

    @functools.wraps(forward)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        tensors = [given for given in (*args, *kwargs.values()) if isinstance(given, Tensor)]
        shapes = [tuple(tensor.shape) for tensor in tensors]
        if len(set(shapes)) != 1 or not tensors[0].numel():
            raise ValueError(f"a loss takes tensors of one shape, not empty ones; got {', '.join(map(str, shapes))}")
        compute: Callable[..., Tensor] = forward
        with torch.autocast(tensors[0].device.type, enabled=False):  # it would multiply matrices in half precision
            return compute(*map(_widened, args), **{name: _widened(given) for name, given in kwargs.items()})

    return wrapped


def _widened(given: Any) -> Any:
    return given.float() if isinstance(given, Tensor) and given.dtype in (torch.float16, torch.bfloat16) else given
