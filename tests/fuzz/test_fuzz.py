"""A hundred thousand inputs for each reader, guided by coverage: nothing but a UserError is ever raised."""

import importlib.util

import pytest

from tests.fuzz.fuzz import PLANTED, fuzz
from tests.fuzz.targets import TARGETS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("atheris") is None, reason="atheris is not installed: there is none for this machine"
    ),
]

RUNS = 100_000


@pytest.mark.parametrize("target", TARGETS)
def test_a_hundred_thousand_inputs_are_read_or_refused(target: str) -> None:
    outcome = fuzz(target, RUNS)
    assert outcome.failing == (), outcome.said[-3000:]
    assert outcome.executed >= RUNS


@pytest.mark.parametrize(
    ("target", "input_", "word", "seconds"),
    [
        ("planted", b"tlk!", "KeyError", 60),
        ("planted-memory", b"m", "out-of-memory", 60),  # a busy machine may take long to give a gigabyte
        ("planted-hang", b"h", "timeout", 2),
    ],
)
def test_a_planted_fault_is_found(target: str, input_: bytes, word: str, seconds: int) -> None:
    """The first one takes four right bytes: of four billion, only coverage leads there."""
    assert target in PLANTED
    outcome = fuzz(target, 2_000_000, seconds=seconds)
    assert len(outcome.failing) == 1
    assert outcome.failing[0].startswith(input_)
    assert word in outcome.said
