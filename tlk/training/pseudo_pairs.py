"""Pairs among images without labels: a left and a right image that are each other's nearest.

Source: Lee, *Pseudo-Label*, 2013; mutual nearest neighbours as in Haghverdi et al., *Batch effects in single-cell
RNA-sequencing data are corrected by matching mutual nearest neighbors*, 2018.
"""

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from tlk.miners.nearest import nearest
from tlk.models.base import Model
from tlk.training.embed import embed_images
from tlk.training.examples import Examples


def pseudo_pairs(
    model: Model, examples: Examples, left: np.ndarray, right: np.ndarray, accelerator: Accelerator
) -> Examples:
    """Return the pairs of `(n,)` left and `(m,)` right images, by number, that find each other among all of them.

    Each is a group of its own, other than those of `examples`.
    """
    if not len(left) or not len(right):
        return examples.of(np.empty(0, np.int64))
    inputs = examples.inputs.reduced(model, np.concatenate([left, right]))
    queries, gallery = (embed_images(model, inputs, side, accelerator) for side in (left, right))
    zeros, ones = torch.zeros(len(queries), dtype=torch.int64), torch.ones(len(gallery), dtype=torch.int64)
    to_right = nearest(model.similarity, queries, gallery, zeros, ones, k=1)[:, 0].cpu().numpy()
    to_left = nearest(model.similarity, gallery, queries, ones, zeros, k=1)[:, 0].cpu().numpy()
    mutual = np.flatnonzero(to_left[to_right] == np.arange(len(left)))
    if accelerator.num_processes > 1:  # rounding may differ: all go on with the first one's
        mutual, to_right = broadcast_object_list([mutual, to_right])
    group = examples.group.max(initial=-1) + 1 + np.arange(len(mutual))
    return Examples(examples.inputs, left[mutual], right[to_right[mutual]], group)
