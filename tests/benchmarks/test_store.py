"""A store of a million vectors: opening it costs nothing until it is touched; reading beside one plain .npy."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import View

COUNT, WIDTH, SHARDS = 1_000_000, 512, 250
VIEW = View("view", (("made", "here"),))

OPEN = """
import json, sys, time
from pathlib import Path
import numpy as np
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import View

def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) / 1024

view, keys = View("view", (("made", "here"),)), np.load(sys.argv[2])
before, started = resident(), time.perf_counter()
store = VectorStore(Path(sys.argv[1]))
opened, held = time.perf_counter() - started, resident() - before
started = time.perf_counter()
found = store.read(view, keys)
looked, touched = time.perf_counter() - started, resident() - before
started = time.perf_counter()
store.read(view, keys[::-1])
again = time.perf_counter() - started
print(json.dumps({"opened": opened, "held": held, "looked": looked, "touched": touched, "again": again,
                  "sum": float(found.astype(float).sum())}))
"""


def test_a_million_vectors_open_at_once(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    keys = np.array([random.bytes(16) for _ in range(COUNT)], "S16")
    store = VectorStore(tmp_path / "store")
    asked, expected = np.linspace(0, COUNT - 1, 1000).astype(int), 0.0
    for part in np.array_split(np.arange(COUNT), SHARDS):
        vectors = random.standard_normal((len(part), WIDTH), np.float32)
        store.append(VIEW, keys[part], vectors)
        expected += vectors[np.isin(part, asked)].astype(np.float16).astype(float).sum()
    np.save(tmp_path / "asked.npy", keys[asked])
    command = [sys.executable, "-c", OPEN, str(tmp_path / "store"), str(tmp_path / "asked.npy")]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(
        f"\n{COUNT:,} × {WIDTH} in {SHARDS} shards: opened in {told['opened'] * 1000:.2f} ms, {told['held']:.1f} MiB; "
        f"the first 1,000 found and read in {told['looked'] * 1000:.0f} ms with {told['touched']:.0f} MiB, "
        f"the next in {told['again'] * 1000:.0f} ms"
    )
    assert abs(told["sum"] - expected) < 1e-3
    assert told["held"] < 1
    assert told["touched"] < 200  # of the 977 MiB that all vectors take


def test_reading_the_store_beside_numpy(tmp_path: Path) -> None:
    """Every row is found by its content key and checked by its checksum; a plain file promises neither."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(20_000, WIDTH)).astype(np.float16)
    keys = np.array([random.bytes(16) for _ in range(len(vectors))], "S16")
    for part in np.array_split(np.arange(len(keys)), 20):
        VectorStore(tmp_path / "store").append(VIEW, keys[part], vectors[part])
    np.save(tmp_path / "plain.npy", vectors)
    times = []
    for _ in range(6):
        started = time.perf_counter()
        read = VectorStore(tmp_path / "store").read(VIEW, keys)
        between = time.perf_counter()
        assert np.array_equal(np.load(tmp_path / "plain.npy"), vectors)
        times.append((between - started, time.perf_counter() - between))
        assert read is not None
        assert np.array_equal(read, vectors)
    ratio = np.median([ours / bare for ours, bare in times[1:]])  # the first warms up
    print(f"\nreading 20,000 vectors from the store: {ratio:.2f} times reading one plain .npy")
    assert ratio < 10
