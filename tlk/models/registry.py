"""The models by name. A new one: a file beside this, an entry here, a mirrored test."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tlk.backbones.depths import StageName
from tlk.constants import GRADIENT_MAPS
from tlk.registry import Entry, Parameters

Activation = Literal["leaky_relu", "relu"]
Units = Annotated[int, Field(ge=1, le=65_536)]


@dataclass(frozen=True)
class ModelEntry(Entry):
    """An entry that also says, without loading torch, what the model takes and what losses can ask of it."""

    takes: Literal["embedding", "maps", "gradient-maps", "pixels"] = "embedding"
    gives: frozenset[str] = frozenset({"embeddings"})
    learns: bool = True


class CentredParameters(Parameters):
    """The mean removed; nothing learned."""


class AdapterParameters(Parameters):
    """A learned map behind a lightly whitened PCA."""

    components: int = Field(768, ge=1, le=65_536)
    whitening: float = Field(0.2, ge=0, le=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    head: Literal["linear", "low_rank", "residual"] = "linear"
    rank: int = Field(64, ge=1, le=65_536)  # units of a low-rank or a residual head


class AdaptersParameters(AdapterParameters):
    """An adapter for each group of views."""

    groups: tuple[tuple[Annotated[int, Field(ge=0)], ...], ...] = ()  # numbers of views; none: each view by itself
    closed_form: bool = False  # beside each adapter, its PCA whitened by what differs inside pairs

    @model_validator(mode="after")
    def _no_empty_group(self) -> "AdaptersParameters":
        if any(not group for group in self.groups):
            raise ValueError("groups: each names one view at least")
        return self


class AdaptationParameters(Parameters):
    """Two linear layers on the difference of two frozen embeddings."""

    hidden: int = Field(256, ge=1, le=65_536)
    dropout: float = Field(0.0, ge=0, lt=1)


class SameArtistParameters(Parameters):
    """The largest difference of two spatial encodings in each channel, and one unit on these."""

    dropout: float = Field(0.5, ge=0, lt=1)


class TailParameters(Parameters):
    """The rest of a backbone above a stage, and a linear layer."""

    dimensions: int = Field(256, ge=1, le=65_536)
    dropout: float = Field(0.2, ge=0, lt=1)
    unit_length: bool = True
    frozen: bool = False  # the linear layer alone learns
    rate: float = Field(1.0, gt=0, le=10)  # learning rate of the backbone's layers over that of the linear one


class TunedView(Parameters):
    """An activation of a backbone that is being trained, pooled in cells; `final` is the network's own embedding."""

    at: StageName | Literal["final"]
    cells: int = Field(1, ge=1, le=16)

    @model_validator(mode="after")
    def _final_is_pooled(self) -> "TunedView":
        if self.at == "final" and self.cells != 1:
            raise ValueError("the final embedding is pooled already: leave cells out")
        return self


class TunedAdaptersParameters(AdapterParameters):
    """The rest of a backbone above a stage, and an adapter on each view of it."""

    views: tuple[TunedView, ...] = Field((TunedView(at="last", cells=4), TunedView(at="final")), min_length=1)
    rate: float = Field(1.0, gt=0, le=10)  # learning rate of the backbone's layers over that of the adapters


class GradientNetworkParameters(AdapterParameters):
    """Convolutions on maps of gradients, and an adapter on each block of them."""

    filters: tuple[Units, ...] = Field((96, 128), min_length=1)  # of each block; the maps are halved between blocks
    convolutions: int = Field(2, ge=1, le=8)  # in each block
    cells: tuple[Annotated[int, Field(ge=1, le=24)], ...] = (6, 4)  # a side that each block's output is pooled in
    rate: float = Field(2.0, gt=0, le=10)  # learning rate of the convolutions over that of the adapters

    @model_validator(mode="after")
    def _sizes(self) -> "GradientNetworkParameters":
        if len(self.cells) != len(self.filters):
            raise ValueError("give as many cells as filters: one for each block")
        for number, cells in enumerate(self.cells):
            side = GRADIENT_MAPS[1] >> number
            if side % cells or not side:
                raise ValueError(
                    f"cells: block {number + 1} gives maps of {side} × {side}, not to be pooled in {cells}"
                )
        return self


class NetworkParameters(TailParameters):
    """A whole backbone, seeing pixels, trained from a stage upward."""

    backbone: str = Field("mobilenetv2_100", min_length=1)
    pretrained: bool = True
    trained_from: StageName | Literal["input"] = "last"

    @model_validator(mode="after")
    def _without_weights_all_is_trained(self) -> "NetworkParameters":
        if not self.pretrained and (self.trained_from != "input" or self.frozen):
            raise ValueError('without pretrained weights all layers are trained: trained_from = "input"')
        return self


class ConvNetParameters(Parameters):
    """Convolutions with max-pooling between them, then dense layers."""

    filters: tuple[Units, ...] = Field((64, 128), min_length=1)
    kernels: tuple[int, ...] = Field((5, 3), min_length=1)  # one a block, or one for all
    convolutions: int = Field(1, ge=1, le=8)  # in each block
    contrast: int = Field(
        0, ge=0, le=63
    )  # side of the window of local contrast, added to pixels that are standardised; 0: as is
    batch_norm: bool = False
    pool_last: bool = True  # whether the last block ends with a pooling, too
    cells: int = Field(0, ge=0, le=64)  # pooled into cells × cells before the dense layers; 0 leaves the map as it is
    dropout: float = Field(0.0, ge=0, lt=1)
    dense: tuple[Units, ...] = Field((128,), min_length=1)
    unit_length: bool = True

    @model_validator(mode="after")
    def _sizes(self) -> "ConvNetParameters":
        if len(self.kernels) not in (1, len(self.filters)):
            raise ValueError("give one kernel size, or one for each of the filters")
        if any(not 1 <= kernel <= 31 or kernel % 2 == 0 for kernel in self.kernels):
            raise ValueError("kernel sizes are odd, from 1 to 31")
        if self.contrast == 1 or (self.contrast and self.contrast % 2 == 0):
            raise ValueError(f"contrast {self.contrast}: the side of its window is odd and at least 3, or 0 for none")
        return self


class AutoencoderParameters(Parameters):
    """Convolutions and poolings down, transposed convolutions up; dense layers on the encoding if asked for."""

    layers: int = Field(3, ge=1, le=6)
    encoder_filters: int = Field(32, ge=1, le=4096)
    decoder_filters: int = Field(16, ge=1, le=4096)
    activation: Activation = "leaky_relu"
    dense: tuple[Units, ...] = ()
    dropout: float = Field(0.0, ge=0, lt=1)


class TransferAutoencoderParameters(Parameters):
    """A backbone's lower stages as the encoder, and the autoencoder's decoder."""

    backbone: str = Field("mobilenetv2_100", min_length=1)
    pretrained: bool = True
    at: StageName = "upper"
    encoder_filters: int = Field(32, ge=1, le=4096)
    decoder_filters: int = Field(16, ge=1, le=4096)
    rate: float = Field(0.1, gt=0, le=10)  # learning rate of the backbone's layers over that of the new ones


_IMAGES = frozenset({"embeddings", "images"})
_VERDICTS = frozenset({"verdicts"})

MODELS: dict[str, ModelEntry] = {
    "centred": ModelEntry(CentredParameters, "tlk.models.centred:Centred", learns=False),
    "adapter": ModelEntry(AdapterParameters, "tlk.models.adapter:Adapter"),
    "adapters": ModelEntry(AdaptersParameters, "tlk.models.adapters:Adapters"),
    "adaptation": ModelEntry(AdaptationParameters, "tlk.models.adaptation:Adaptation", gives=_VERDICTS),
    "same_artist": ModelEntry(SameArtistParameters, "tlk.models.same_artist:SameArtist", "maps", _VERDICTS),
    "tail": ModelEntry(TailParameters, "tlk.models.tail:Tail", "maps"),
    "tuned_adapters": ModelEntry(TunedAdaptersParameters, "tlk.models.tuned_adapters:TunedAdapters", "maps"),
    "gradient_network": ModelEntry(
        GradientNetworkParameters, "tlk.models.gradient_network:GradientNetwork", "gradient-maps"
    ),
    "network": ModelEntry(NetworkParameters, "tlk.models.network:Network", "pixels"),
    "convnet": ModelEntry(ConvNetParameters, "tlk.models.convnet:ConvNet", "pixels"),
    "autoencoder": ModelEntry(AutoencoderParameters, "tlk.models.autoencoder:Autoencoder", "pixels", _IMAGES),
    "transfer_autoencoder": ModelEntry(
        TransferAutoencoderParameters, "tlk.models.transfer_autoencoder:TransferAutoencoder", "pixels", _IMAGES
    ),
}


def has_backbone(model: Mapping[str, Any]) -> bool:
    """Return whether a `model` table is of a model with a backbone of its own, named there or not."""
    name = model.get("name")
    return isinstance(name, str) and name in MODELS and "backbone" in MODELS[name].parameters.model_fields
