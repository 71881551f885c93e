"""The miners by name. A new one: a file beside this, an entry here, a mirrored test."""

from pydantic import Field

from tlk.registry import Entry, Parameters, Registry


class MinerParameters(Parameters):
    """What is mined, how often, and how much of it is used."""

    subset: int = Field(2000, ge=2)  # candidates that are embedded for mining, drawn anew at each refresh
    refresh: int = Field(2, ge=1)  # epochs between two minings
    k: int = Field(20, ge=1, le=10_000)  # negatives kept an anchor
    random: float = Field(0.5, ge=0, le=1)  # share of negatives drawn at random instead


class HardParameters(MinerParameters):
    """The most similar negatives."""


class SemiHardParameters(MinerParameters):
    """The most similar among the negatives less similar than the positive."""


MINERS: Registry = {
    "hard": Entry(HardParameters, "tlk.miners.hard:Hard"),
    "semi_hard": Entry(SemiHardParameters, "tlk.miners.semi_hard:SemiHard"),
}
