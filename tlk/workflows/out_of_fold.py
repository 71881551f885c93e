"""What the models of a run say of pairs that they have not seen: enough for every metric without the models."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tlk.data.competition import Pairs
from tlk.errors import damaged_run
from tlk.files import replacing
from tlk.scoring.similarity import COSINE, Scorer


@dataclass(frozen=True)
class FoldScores:
    """What one fold's model says of its `(n,)` pairs: `(n, d)` embeddings, or the `(n, n)` block of similarities."""

    pairs: np.ndarray
    queries: np.ndarray
    gallery: np.ndarray
    block: np.ndarray | None


@dataclass(frozen=True)
class OutOfFold:
    """The embeddings of every scored pair, made by a model that saw neither it nor its near-duplicates.

    `queries` and `gallery` are `(n, d)` unit embeddings of the left and right images; only those of one `fold` may be
    compared. A model that has learned a similarity of its own leaves `scores` instead: each fold's block, row after
    row, fold after fold; `queries` are then the rows' places in it and `gallery` the columns, `(n, 1)` each.
    `list_seed` and `list_length` give the candidate lists.
    """

    query_ids: np.ndarray
    gallery_ids: np.ndarray
    fold: np.ndarray
    queries: np.ndarray
    gallery: np.ndarray
    scores: np.ndarray
    list_seed: int
    list_length: int

    @classmethod
    def of(
        cls, pairs: Pairs, fold: np.ndarray, parts: Sequence[FoldScores], list_seed: int, list_length: int
    ) -> "OutOfFold":
        """Join the folds' parts, the pairs in the order of the data; `fold` is -1 for a pair that is not scored."""
        order = np.argsort(np.concatenate([part.pairs for part in parts]))
        queries, gallery, blocks, start = [], [], [np.empty(0, np.float32)], 0
        for part in parts:
            if part.block is None:
                queries.append(part.queries)
                gallery.append(part.gallery)
                continue
            count = len(part.pairs)
            queries.append(start + count * np.arange(count)[:, None])
            gallery.append(np.arange(count)[:, None])
            blocks.append(part.block.ravel().astype(np.float32))
            start += count * count
        scored = np.flatnonzero(fold >= 0)
        return cls(
            np.array(pairs.lefts)[scored],
            np.array(pairs.rights)[scored],
            fold[scored],
            np.concatenate(queries)[order],
            np.concatenate(gallery)[order],
            np.concatenate(blocks),
            list_seed,
            list_length,
        )

    @property
    def scorer(self) -> Scorer:
        """How the embeddings compare."""
        if not len(self.scores):
            return COSINE
        return Scorer(
            lambda queries, gallery: self.scores[queries + gallery.T],
            lambda first, second: self.scores[(first + second)[..., 0]],
        )

    def apart_from(self, other: "OutOfFold") -> str | None:
        """Return what keeps two runs from being compared query by query; None where both answer the same lists."""
        if (self.list_seed, self.list_length) != (other.list_seed, other.list_length):
            return "other folds or another split"
        ids = (self.query_ids, other.query_ids), (self.gallery_ids, other.gallery_ids)
        return None if all(np.array_equal(one, two) for one, two in ids) else "other pairs"

    def write(self, path: Path) -> None:
        """Write the arrays as .npz."""
        with replacing(path) as file:
            np.savez(file, **vars(self))

    @classmethod
    def read(cls, path: Path) -> "OutOfFold":
        """Read the arrays.

        Raises:
            UserError: the file is missing or damaged.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                if any(info.compress_type for info in arrays.zip.infolist()):  # what `write` writes grows no larger
                    raise ValueError("it is packed, as no run's is")
                values = {name: arrays[name] for name in cls.__dataclass_fields__}
            _require_arrays(values)
        except Exception as error:  # a damaged zip raises whatever its reader trips over
            raise damaged_run(path.parent, f"cannot read {path}: {error}") from error
        queries, gallery = values["queries"].shape, values["gallery"].shape
        if (
            queries != gallery
            or not len(values["fold"]) == len(values["query_ids"]) == len(values["gallery_ids"]) == queries[0]
        ):
            raise damaged_run(path.parent, f"{path} is damaged: its arrays differ in length or width")
        return cls(**values | {name: int(values[name]) for name in ("list_seed", "list_length")})


def _require_arrays(values: dict[str, Any]) -> None:
    """Raise a ValueError unless each is an array of its kind: an entry of a zip may be anything."""
    for name, value in values.items():
        kinds, dimensions = _ARRAYS[name]
        if not isinstance(value, np.ndarray) or value.dtype.kind not in kinds or value.ndim != dimensions:
            raise ValueError(f"{name} is no such array")


_ARRAYS = {  # kinds of numbers and text, as numpy calls them, and dimensions
    **dict.fromkeys(("query_ids", "gallery_ids"), ("U", 1)),
    "fold": ("iu", 1),
    **dict.fromkeys(("queries", "gallery"), ("iuf", 2)),
    "scores": ("f", 1),
    **dict.fromkeys(("list_seed", "list_length"), ("iu", 0)),
}
