"""Embeddings of many images by one model, shared out among the processes."""

from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from tlk.models.base import Model
from tlk.training.inputs import Inputs

# Images at a time: on a CPU what fits into its cache, twice as fast as 256 of them or more.
_BLOCK, _BLOCK_ON_CPU = 256, 32


@torch.no_grad()
def embed_images(
    model: Model, inputs: Inputs, images: np.ndarray, accelerator: Accelerator, as_is: bool = False
) -> Tensor:
    """Return the `(n, e)` embeddings of numbered images on the accelerator's device, the model in evaluation mode.

    `as_is` looks at one orientation alone. Each process embeds its part, and all get the whole.
    """
    was_training = model.training
    model.eval()
    each = -(-len(images) // accelerator.num_processes)
    padded = np.resize(images, each * accelerator.num_processes)  # repeats the first ones: parts are equal
    mine = padded[accelerator.process_index * each :][:each]
    size = _BLOCK_ON_CPU if accelerator.device.type == "cpu" else _BLOCK
    parts = []
    for start in range(0, len(mine), size):
        block = inputs.whole(mine[start : start + size])
        block = (block[:, :1] if as_is else block).to(accelerator.device)
        with accelerator.autocast():
            parts.append(model.embed(block).float())
    model.train(was_training)
    gathered: Any = accelerator.gather(torch.cat(parts))
    whole: Tensor = gathered[: len(images)]
    return whole
