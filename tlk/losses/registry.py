"""The losses by name. A new one: a file beside this, an entry here, a mirrored test."""

from pydantic import Field

from tlk.registry import Entry, Parameters, Registry


class InfoNCEParameters(Parameters):
    """Symmetric InfoNCE."""

    temperature: float = Field(0.07, gt=0, le=10)


LOSSES: Registry = {"info_nce": Entry(InfoNCEParameters, "tlk.losses.info_nce:InfoNCE")}
