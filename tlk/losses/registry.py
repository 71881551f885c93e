"""The losses by name. A new one: a file beside this, an entry here, a mirrored test."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from tlk.registry import Entry, Parameters


class ContrastiveParameters(Parameters):
    """Contrastive loss of pairs: similar ones together, dissimilar ones at least a margin apart."""

    margin: float = Field(0.5, gt=0, le=1000)


class TripletParameters(Parameters):
    """Triplet loss: the negative further from the anchor than the positive, by a margin."""

    margin: float = Field(0.5, gt=0, le=1000)


class InfoNCEParameters(Parameters):
    """Symmetric InfoNCE."""

    temperature: float = Field(0.07, gt=0, le=10)


class CosineMarginParameters(Parameters):
    """Large-margin cosine over the batch: as InfoNCE, but the own cosine must lead by a margin."""

    margin: float = Field(0.2, ge=0, le=1)
    scale: float = Field(16.0, gt=0, le=1000)


class ClassMarginParameters(CosineMarginParameters):
    """Large-margin cosine over classes: groups of pairs, such as those of one artist."""


class BinaryCrossEntropyParameters(Parameters):
    """Binary cross-entropy of verdicts on matched and unmatched pairs."""


class ReconstructionParameters(Parameters):
    """Binary cross-entropy of an autoencoder's pixels."""


class BarlowTwinsParameters(Parameters):
    """Barlow Twins: each dimension agrees within a pair, and with no other dimension."""

    redundancy: float = Field(0.0051, ge=0, le=1)


@dataclass(frozen=True)
class LossEntry(Entry):
    """An entry that also says, without loading torch, what the loss takes.

    Called as `loss(anchors, positives, negatives)` if it takes embeddings (`negatives` None if it needs none),
    `loss(logits, labels)` if verdicts, `loss(logits, targets)` if images, `loss(cosines, own)` if classes.
    """

    takes: Literal["embeddings", "verdicts", "images", "classes"] = "embeddings"

    @property
    def asks(self) -> str:
        """What the model has to give for it: classes are told apart by embeddings."""
        return "embeddings" if self.takes == "classes" else self.takes

    negatives: Literal["none", "optional", "needed"] = "none"
    in_batch: bool = False  # compares each pair with the rest of its batch: embeddings are gathered across processes


LOSSES: Mapping[str, LossEntry] = {
    "info_nce": LossEntry(InfoNCEParameters, "tlk.losses.info_nce:InfoNCE", negatives="optional", in_batch=True),
    "cosine_margin": LossEntry(
        CosineMarginParameters, "tlk.losses.cosine_margin:CosineMargin", negatives="optional", in_batch=True
    ),
    "class_margin": LossEntry(ClassMarginParameters, "tlk.losses.class_margin:ClassMargin", takes="classes"),
    "contrastive": LossEntry(ContrastiveParameters, "tlk.losses.contrastive:Contrastive", negatives="needed"),
    "triplet": LossEntry(TripletParameters, "tlk.losses.triplet:Triplet", negatives="needed"),
    "binary_cross_entropy": LossEntry(
        BinaryCrossEntropyParameters,
        "tlk.losses.binary_cross_entropy:BinaryCrossEntropy",
        takes="verdicts",
        negatives="needed",
    ),
    "reconstruction": LossEntry(ReconstructionParameters, "tlk.losses.reconstruction:Reconstruction", takes="images"),
    "barlow_twins": LossEntry(BarlowTwinsParameters, "tlk.losses.barlow_twins:BarlowTwins", in_batch=True),
}
