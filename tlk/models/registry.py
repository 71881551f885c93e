"""The heads by name. A new one: a file beside this, an entry here, a mirrored test."""

from pydantic import Field

from tlk.registry import Entry, Parameters, Registry


class CentredParameters(Parameters):
    """The mean removed; nothing learned."""


class AdapterParameters(Parameters):
    """A linear layer behind a lightly whitened PCA."""

    components: int = Field(768, ge=1, le=65_536)
    whitening: float = Field(0.2, ge=0, le=1)
    dropout: float = Field(0.2, ge=0, lt=1)


MODELS: Registry = {
    "centred": Entry(CentredParameters, "tlk.models.centred:Centred"),
    "adapter": Entry(AdapterParameters, "tlk.models.adapter:Adapter"),
}
