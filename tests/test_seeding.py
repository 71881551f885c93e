"""Seeds by purpose."""

import numpy as np

from tlk.seeding import derive_seed, generator


def test_a_seed_is_the_same_everywhere_and_for_ever() -> None:
    assert derive_seed(0, "folds") == 2807817598  # recorded: another value would move every fold table


def test_seed_and_every_part_of_the_purpose_matter() -> None:
    seeds = [derive_seed(0), derive_seed(1), derive_seed(0, "a"), derive_seed(0, "a", 0), derive_seed(0, "a", 1)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_generators_repeat_and_differ_by_purpose() -> None:
    first = generator(7, "lists", 3).integers(1 << 30, size=8)
    assert np.array_equal(first, generator(7, "lists", 3).integers(1 << 30, size=8))
    assert not np.array_equal(first, generator(7, "lists", 4).integers(1 << 30, size=8))
