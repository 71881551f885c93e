"""Models as scorers: the cosine, or what they have learned."""

import numpy as np
import torch

from tlk.models.adaptation import Adaptation
from tlk.models.base import Given
from tlk.models.centred import Centred
from tlk.models.registry import AdaptationParameters, CentredParameters
from tlk.scoring.similarity import COSINE
from tlk.training.scorer import scorer_of


def test_most_models_compare_by_the_cosine() -> None:
    assert scorer_of(Centred(CentredParameters(), Given((4,)))) is COSINE


def test_a_learned_similarity_is_used() -> None:
    torch.manual_seed(0)
    model = Adaptation(AdaptationParameters(hidden=8), Given((5,))).eval()
    scorer = scorer_of(model)
    random = np.random.default_rng(0)
    queries, gallery = random.normal(size=(2, 6, 5)).astype(np.float32)
    block = scorer.similarity(queries, gallery)
    assert block.shape == (6, 6)
    with torch.no_grad():
        for i in range(6):
            for j in range(6):
                difference = torch.from_numpy(np.abs(queries[i] - gallery[j]))
                np.testing.assert_allclose(block[i, j], model.layers(difference).item(), atol=1e-6)
    np.testing.assert_allclose(scorer.compare(queries, gallery), block.diagonal(), atol=1e-6)
    np.testing.assert_allclose(scorer.compare(queries[:, None], gallery[None]), block, atol=1e-6)
