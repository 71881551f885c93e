"""Seeds: every random choice comes from a seed and the name of what it is for."""

import hashlib

import numpy as np


def derive_seed(seed: int, *purpose: object) -> int:
    """Return a 32-bit seed that depends on `seed` and on each part of `purpose`.

    Naming the purpose keeps two uses of one seed independent, and adding a third leaves both as they were.
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def generator(seed: int, *purpose: object) -> np.random.Generator:
    """Return a numpy generator for `purpose`."""
    return np.random.default_rng(derive_seed(seed, *purpose))
