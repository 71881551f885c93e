"""Matching 2,000 and 200,000 lists of 20: seconds beside sorting every list, and memory, in a process of its own."""

import json
import subprocess
import sys

MATCH = """
import json, resource, sys, time
import numpy as np
from tlk.scoring.matching import match

count = int(sys.argv[1])
random = np.random.default_rng(0)
own = np.arange(count)[:, None]
foils = own + random.integers(1, count // 19, (count, 19)).cumsum(axis=1)  # none twice, none the truth
lists = np.concatenate([own, foils % count], axis=1)
scores = random.normal(size=lists.shape)
scores[:, 0] += 2
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
chances = match(scores, lists, 0.5)
seconds, grown = time.perf_counter() - started, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
started = time.perf_counter()
np.sort(scores, axis=1)
alone = time.perf_counter() - started
hits = [float(((s >= s[:, :1]).sum(axis=1) <= 2).mean()) for s in (scores, chances)]
print(json.dumps({"seconds": seconds, "alone": alone, "grown": grown, "hits": hits}))
"""


def test_matching() -> None:
    for count in (2_000, 200_000):
        done = subprocess.run([sys.executable, "-c", MATCH, str(count)], check=True, capture_output=True, text=True)
        told = json.loads(done.stdout)
        plain, matched = told["hits"]
        print(
            f"\nmatching {count:,} lists of 20: {told['seconds']:.2f} s, {told['seconds'] / told['alone']:.0f} times "
            f"sorting them; peak {told['grown']:.0f} MiB above the lists; top-2 {plain:.3f} → {matched:.3f}"
        )
        assert told["grown"] < 2048
        assert matched > plain + 0.05
