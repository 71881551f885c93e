"""Depths by name: torch-free, so that recipes and `--help` know them."""

import math
from typing import Literal

StageName = Literal["early", "middle", "upper", "late", "last"]

# How far up a network a name points, whatever the network: 1 is the last stage (or block) before the pooling.
# Of four stages these are stages 1, 2, 3, 3 and 4; of seven 2, 4, 5, 6 and 7; of twelve blocks 3, 6, 8, 9 and 12.
DEPTHS = {"early": 0.25, "middle": 0.5, "upper": 0.65, "late": 0.75, "last": 1.0}


def stage_number(at: str | float, count: int) -> int:
    """Return which of `count` stages, from 0, a name or a depth above 0 and at most 1 points at."""
    depth = DEPTHS[at] if isinstance(at, str) else at
    return math.ceil(depth * count - 1e-9) - 1
