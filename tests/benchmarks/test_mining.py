"""Hard negatives for 100,000 anchors among 100,000 candidates: seconds and memory, measured in a process of its own."""

import json
import subprocess
import sys

MINE = """
import json, time
import torch
from torch.nn.functional import normalize
from tlk.miners.hard import Hard
from tlk.miners.registry import HardParameters

def mebibytes(what):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(what)) / 1024

n, m, d = 100_000, 100_000, 256
random = torch.Generator().manual_seed(0)
anchors, gallery = (normalize(torch.randn(size, d, generator=random), dim=1) for size in (n, m))
group = torch.arange(n)
before, started = mebibytes("VmRSS:"), time.perf_counter()
chosen = Hard(HardParameters(k=20)).select(lambda a, g: a @ g.T, anchors, None, gallery, group, group)
seconds, grown = time.perf_counter() - started, mebibytes("VmHWM:") - before
alone = time.perf_counter()
for some in anchors[: n // 10].split(1024):
    for part in gallery.split(4096):
        some @ part.T
alone = 10 * (time.perf_counter() - alone)
some = torch.arange(0, n, n // 50)
full = (anchors[some] @ gallery.T).index_put((torch.arange(50), some), torch.tensor(-9.0))
right = bool(torch.equal(chosen[some].sort(1).values, full.topk(20).indices.sort(1).values))
threads = torch.get_num_threads()
print(json.dumps({"seconds": seconds, "alone": alone, "grown": grown, "right": right, "threads": threads}))
"""


def test_mining_a_hundred_thousand_against_a_hundred_thousand() -> None:
    done = subprocess.run([sys.executable, "-c", MINE], check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    print(
        f"\n20 of 100,000 negatives for 100,000 anchors, 256-d: {told['seconds']:.0f} s on {told['threads']} threads "
        f"(the products alone: {told['alone']:.0f} s); peak {told['grown']:.0f} MiB above the vectors"
    )
    assert told["right"]
    assert told["grown"] < 1024
