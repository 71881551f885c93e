"""Files that libraries unpickle: weights named pytorch_model.bin, the states of optimisers and random numbers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_SETTING = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # torch's own: it overrules what a library asks for
_CONTRARY = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


@contextmanager
def weights_only() -> Iterator[None]:
    """Let `torch.load` build tensors and plain values alone, whatever the versions of torch, timm and Accelerate.

    A pickle that would run anything is refused, as an exception of `torch.load`, before it runs.
    """
    before = {name: os.environ.get(name) for name in (_SETTING, _CONTRARY)}
    os.environ[_SETTING] = "1"
    os.environ.pop(_CONTRARY, None)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
