"""The cosines of a batch, and the cost of picking the own partner."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tlk.losses.in_batch import cosines, symmetric_cross_entropy


def test_cosines_by_hand() -> None:
    anchors = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    positives = torch.tensor([[1.0, 1.0], [0.0, -5.0]])
    negatives = torch.tensor([[-1.0, 0.0], [3.0, 4.0]])
    half = 0.5**0.5
    expected = [[half, 0, -1], [half, -1, 0.8]]
    assert cosines(anchors, positives, negatives).tolist() == pytest.approx(np.array(expected), abs=1e-6)
    assert torch.equal(cosines(anchors, positives), cosines(anchors, positives, negatives)[:, :2])


@pytest.mark.parametrize("columns", [3, 4])
def test_rows_count_every_column_and_columns_only_those_of_the_batch(columns: int) -> None:
    logits: Tensor = torch.randn(3, columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    odds = np.exp(logits.numpy())
    cost = 0.0
    for i in range(3):
        cost -= np.log(odds[i, i] / odds[i].sum()) + np.log(odds[i, i] / odds[:, i].sum())
    assert symmetric_cross_entropy(logits).item() == pytest.approx(cost / 6, rel=1e-12)


def test_large_logits_do_not_overflow() -> None:
    assert symmetric_cross_entropy(torch.eye(3) * 1e6).item() == 0
    assert symmetric_cross_entropy(torch.eye(3) * -1e6).item() == pytest.approx(1e6, rel=1e-5)
