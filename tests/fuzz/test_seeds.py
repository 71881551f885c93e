"""Every seed of the fuzzer, among them each input that ever failed (`found-…`), is answered as it should be."""

from pathlib import Path

import pytest

from tests.fuzz.targets import LONGEST, TARGETS

# Pillow's warnings about odd files are ignored by the module that decodes; pytest sets its own filters for each test.
pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")

SEEDS = sorted((Path(__file__).parent / "seeds").glob("*/*"))


@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_seed_is_read_or_refused(seed: Path) -> None:
    TARGETS[seed.parent.name](seed.read_bytes())


def test_every_target_has_seeds_that_the_fuzzer_takes_whole() -> None:
    assert {seed.parent.name for seed in SEEDS} == set(TARGETS)
    assert [seed for seed in SEEDS if seed.stat().st_size > LONGEST[seed.parent.name]] == []
