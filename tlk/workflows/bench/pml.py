"""Hard negatives as pytorch-metric-learning selects them, where it is installed: the same work, beside ours."""

from importlib.util import find_spec
from typing import Any

import torch

from tlk.workflows.bench.measure import Row, apart, grown
from tlk.workflows.bench.search import drawn

_HERE = "tlk.workflows.bench.pml"
_SIZE = 8000


def pml() -> list[Row]:
    """Return the comparison: the hardest negative of each of 8,000 anchors; nothing without the other library."""
    if find_spec("pytorch_metric_learning") is None:
        return []
    ours, theirs = apart(f"{_HERE}:ours"), apart(f"{_HERE}:theirs")
    beside = f"pytorch-metric-learning's BatchHardMiner ({theirs['grown']:,.0f} MiB)"
    what = f"the hardest negative of each of {_SIZE:,}"
    return [Row("mine", what, ours["seconds"], beside, theirs["seconds"], ours["grown"])]


def ours() -> dict[str, Any]:
    """Measure our miner."""
    from tlk.miners.hard import Hard
    from tlk.miners.registry import HardParameters

    anchors, gallery, group = *_sides(), torch.arange(_SIZE)
    miner = Hard(HardParameters(k=1))
    return _measured(lambda: miner.select(lambda a, g: a @ g.T, anchors, None, gallery, group, group))


def theirs() -> dict[str, Any]:
    """Measure theirs."""
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.miners import BatchHardMiner

    anchors, gallery, group = *_sides(), torch.arange(_SIZE)
    miner = BatchHardMiner(distance=CosineSimilarity())
    return _measured(lambda: miner(anchors, group, gallery, group))


def _sides() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(drawn(_SIZE, 0)), torch.from_numpy(drawn(_SIZE, 1))


def _measured(work: Any) -> dict[str, Any]:
    seconds, more = grown(work)
    return {"seconds": seconds, "grown": more}
