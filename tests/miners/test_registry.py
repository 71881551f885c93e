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
