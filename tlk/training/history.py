"""What happened in each epoch, and which one is best."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from tlk.training.validate import Scores


@dataclass(frozen=True)
class Epoch:
    """One row of the history; None where nothing was held out, or nothing judged."""

    epoch: int
    loss: float
    inner_loss: float | None
    inner_top_2: float | None
    inner_accuracy: float | None
    learning_rate: float
    seconds: float

    def cells(self) -> list[str]:
        """Return the row as text."""
        return ["" if value is None else f"{value:.6g}" for value in asdict(self).values()]

    @classmethod
    def of_scores(cls, epoch: int, loss: float, scores: Scores | None, rate: float, seconds: float) -> "Epoch":
        """Return the row of an epoch whose inner split has these scores, if there is one."""
        if scores is None:
            return cls(epoch, loss, None, None, None, rate, seconds)
        return cls(epoch, loss, scores.loss, scores.top_2, scores.accuracy, rate, seconds)

    @classmethod
    def of(cls, cells: dict[str, Any]) -> "Epoch":
        """Return the row that `cells` gave as text, or `asdict` as numbers."""
        values = {f.name: None if cells[f.name] in ("", None) else float(cells[f.name]) for f in fields(cls)}
        return cls(**values | {"epoch": int(cells["epoch"])})  # type: ignore[arg-type]

    def score(self, watch: str) -> float:
        """Return what stops and chooses, larger = better; where nothing was held out, a later epoch is better."""
        value = {"loss": self.inner_loss, "top_2": self.inner_top_2, "accuracy": self.inner_accuracy}[watch]
        if value is None:
            return float(self.epoch)
        if math.isnan(value):
            return -math.inf
        return -value if watch == "loss" else value


EPOCH_COLUMNS = tuple(f.name for f in fields(Epoch))


def best_epoch(history: Sequence[Epoch], watch: str) -> int:
    """Return the epoch, from 1, whose weights are kept: the first of the highest score."""
    return max(history, key=lambda row: (row.score(watch), -row.epoch)).epoch
