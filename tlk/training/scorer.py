"""A model as a scorer of embeddings in numpy."""

import numpy as np
import torch
from torch import Tensor

from tlk.models.base import Model
from tlk.scoring.similarity import COSINE, Scorer


def scorer_of(model: Model) -> Scorer:
    """Return how a model compares embeddings: by their cosine, unless it has learned a similarity of its own."""
    if type(model).similarity is Model.similarity:
        return COSINE

    def tensor(vectors: np.ndarray) -> Tensor:
        return torch.from_numpy(vectors).to(next(model.parameters()).device)

    @torch.inference_mode()
    def similarity(queries: np.ndarray, gallery: np.ndarray) -> np.ndarray:
        return np.asarray(model.similarity(tensor(queries), tensor(gallery)).cpu())

    @torch.inference_mode()
    def compare(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.asarray(model.compare(tensor(first), tensor(second)).cpu())

    return Scorer(similarity, compare)
