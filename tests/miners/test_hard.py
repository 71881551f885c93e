"""The hardest negatives, and what every miner refuses."""

import pytest
import torch
from torch import Tensor

from tlk.miners.hard import Hard
from tlk.miners.registry import HardParameters


def dot(queries: Tensor, gallery: Tensor) -> Tensor:
    return queries @ gallery.T


def test_the_most_similar_are_selected_even_those_above_the_positive() -> None:
    anchors = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    gallery = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8], [0.4, 0.6]])
    miner = Hard(HardParameters(k=2))
    chosen = miner.select(dot, anchors, None, gallery, torch.tensor([0, 1]), torch.tensor([5, 0, 1, 5]))
    assert chosen.tolist() == [[0, 3], [3, 1]]


def test_k_comes_from_the_parameters_and_what_is_missing_is_minus_one() -> None:
    rows, group = torch.eye(3), torch.arange(3)
    chosen = Hard(HardParameters(k=4)).select(dot, rows, None, rows, group, group)
    assert chosen.tolist() == [[1, 2, -1, -1], [0, 2, -1, -1], [0, 1, -1, -1]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"own": torch.ones(2)}, "2 own similarities for 3 embeddings"),
        ({"anchor_group": torch.arange(4)}, "4 anchor groups for 3 embeddings"),
        ({"gallery_group": torch.arange(4)}, "4 gallery groups for 5 embeddings"),
        ({"gallery_group": torch.ones(5)}, "not torch.float32"),
        ({"anchor_group": torch.ones(3, 1).long()}, r"shape \(3, 1\)"),
    ],
)
def test_inputs_that_do_not_fit_together_are_refused(change: dict[str, Tensor], message: str) -> None:
    fitting = {
        "anchors": torch.ones(3, 2),
        "own": torch.ones(3),
        "gallery": torch.ones(5, 2),
        "anchor_group": torch.arange(3),
        "gallery_group": torch.arange(5),
    }
    with pytest.raises(ValueError, match=message):
        Hard(HardParameters()).select(dot, **{**fitting, **change})
