"""List-wise scoring: the matching of all lists, beside sorting each."""

from typing import Any

import numpy as np

from tlk.workflows.bench.measure import Row, apart, grown, seconds_of


def lists(count: int) -> list[Row]:
    """Return the comparison for `count` lists of 20."""
    told = apart("tlk.workflows.bench.lists:matching", count)
    note = f"top-2 {told['plain']:.3f} → {told['matched']:.3f}"
    what = f"matching {count:,} lists of 20"
    return [Row("lists", what, told["seconds"], "sorting every list", told["bare"], told["grown"], note)]


def matching(count: int) -> dict[str, Any]:
    """Match drawn lists, each query's truth among them."""
    from tlk.scoring.matching import match

    random = np.random.default_rng(0)
    own = np.arange(count)[:, None]
    foils = own + random.integers(1, count // 19, (count, 19)).cumsum(axis=1)  # none twice, none the truth
    rows = np.concatenate([own, foils % count], axis=1)
    scores = random.normal(size=rows.shape)
    scores[:, 0] += 2
    found: list[np.ndarray] = []
    seconds, more = grown(lambda: found.append(match(scores, rows, 0.5)))
    plain, matched = (float(((s >= s[:, :1]).sum(axis=1) <= 2).mean()) for s in (scores, found[0]))
    bare = seconds_of(lambda: np.sort(scores, axis=1))
    return {"seconds": seconds, "bare": bare, "grown": more, "plain": plain, "matched": matched}
