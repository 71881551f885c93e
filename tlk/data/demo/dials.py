"""Hidden causes by name: what the two pictures of a pair share, and the little in which they differ."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Option = TypeVar("Option", bound=str)


class Dials:
    """Numbers and words that belong to a pair, each drawn when first asked for.

    `shared` holds the positions (0…1) that both sides read; `common` draws those missing from it, `own` this side's
    deviation from them, a normal one of width `jitter`. A word is another one on this side with probability `slip`.
    Keying by name keeps the sides alike even where a word sends one of them down another path.
    """

    def __init__(
        self,
        shared: dict[str, float],
        common: np.random.Generator,
        own: np.random.Generator,
        jitter: float,
        slip: float,
    ) -> None:
        """Remember where the positions come from."""
        self._shared = shared
        self._common = common
        self._own = own
        self._jitter = jitter
        self._slip = slip

    def number(self, name: str, low: float = 0.0, high: float = 1.0) -> float:
        """Return the number called `name` for this side, between `low` and `high`."""
        position = self._position(name) + self._jitter * float(self._own.standard_normal())
        return low + (high - low) * min(max(position, 0.0), 1.0)

    def word(self, name: str, options: Sequence[Option]) -> Option:
        """Return the word called `name`: one of `options`, all equally likely (repeat one to make it likelier)."""
        position = self._position(name)
        if self._own.random() < self._slip:
            position = float(self._own.random())
        return options[min(int(position * len(options)), len(options) - 1)]

    def chance(self, name: str, probability: float) -> bool:
        """Return whether the thing called `name`, present in a `probability` of all pairs, is there on this side."""
        return self._position(name) < probability and not self._own.random() < self._slip

    def _position(self, name: str) -> float:
        if name not in self._shared:
            self._shared[name] = float(self._common.random())
        return self._shared[name]
