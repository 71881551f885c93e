"""Every miner's parameters, and that it loads."""

import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from tlk.miners.base import Miner
from tlk.miners.registry import MINERS, MinerParameters


@pytest.mark.parametrize("name", MINERS)
def test_every_miner_loads_and_selects_with_its_defaults(name: str) -> None:
    entry = MINERS[name]
    miner = entry.load()(entry.parameters())
    assert isinstance(miner, Miner)
    rows, group = torch.randn(6, 4), torch.arange(6)
    chosen = miner.select(lambda a, g: a @ g.T, rows, torch.ones(len(rows)), rows, group, group)
    assert chosen.shape == (6, 20)
    assert chosen.dtype == torch.int64


@pytest.mark.parametrize(
    "fault",
    [{"subset": 1}, {"refresh": 0}, {"k": 0}, {"k": 10_001}, {"random": -0.1}, {"random": 1.1}, {"radnom": 0.5}],
)
def test_parameters_have_bounds(fault: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        MinerParameters.model_validate(fault)


def test_a_whole_number_is_a_share_too() -> None:
    assert MinerParameters.model_validate({"random": 1}).random == 1


def test_the_registry_does_not_load_torch() -> None:
    code = "import sys, tlk.miners.registry; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", MINERS)
def test_where_there_are_no_negatives_none_is_made_up(name: str) -> None:
    entry = MINERS[name]
    miner, group = entry.load()(entry.parameters()), torch.arange(6)
    rows = torch.randn(6, 4)

    def chosen(gallery: torch.Tensor, own: torch.Tensor, gallery_group: torch.Tensor) -> set[int]:
        selected = miner.select(lambda a, g: a @ g.T, rows, own, gallery, group[:1].expand(6), gallery_group)
        return set(selected.flatten().tolist())

    assert chosen(rows, torch.ones(6), group[:1].expand(6)) == {-1}  # one group
    assert chosen(rows[:0], torch.ones(6), group[:0]) == {-1}
    assert chosen(torch.full((6, 4), torch.nan), torch.ones(6), group) == {-1}


@pytest.mark.parametrize(("name", "found"), [("hard", True), ("semi_hard", False)])
def test_of_equals_the_hard_miner_takes_the_first_and_the_semi_hard_one_none(name: str, found: bool) -> None:
    entry = MINERS[name]
    rows, group = torch.zeros(6, 4), torch.arange(6)
    miner = entry.load()(entry.parameters(k=2))
    chosen = miner.select(lambda a, g: a @ g.T, rows, torch.zeros(6), rows, group, group).tolist()
    assert chosen == ([[1, 2], [0, 2], *[[0, 1]] * 4] if found else [[-1, -1]] * 6)
