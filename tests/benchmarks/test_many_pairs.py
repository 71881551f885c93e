"""All pairs that Painter by Numbers asks about: seconds and peak memory of a fresh process, its imports counted.

There are as many pairs, images and numbers in an embedding as in the real thing; the embeddings are drawn, so that
what is measured is what comes after the networks: reading, comparing, writing.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tlk.data.collection import write_collection

PAIRS, IMAGES, WIDTH = 22_000_000, 23_817, 512
SLOPE, INTERCEPT = 8.0, -2.0

PREDICT = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from tlk.scoring.similarity import COSINE
from tlk.workflows import predict_pairs
from tlk.workflows.progress import Silent
from tlk.workflows.workspace import Workspace

folder = Path(sys.argv[1])
predict_pairs.embedded = lambda *given: (np.load(folder / "embeddings.npy"), COSINE)
workspace = Workspace(folder / "painters", folder / "runs", folder / "cache")
started = time.perf_counter()
done = predict_pairs.predict_pairs(
    workspace, "drawn", folder / "submission_info.csv", folder / "out", "cpu", Silent()
)
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"seconds": seconds, "peak": peak, "pairs": done.pairs, "images": done.images, "parts": done.parts}))
"""


def draw(folder: Path) -> tuple[np.ndarray, int]:
    """Make the collection, a run and the pairs; return the embeddings and the bytes of the pairs' file."""
    random = np.random.default_rng(0)
    embeddings = random.standard_normal((IMAGES, WIDTH), np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    np.save(folder / "embeddings.npy", embeddings)
    write_collection(folder / "painters", ("artist",), [(str(i), f"images/{i}.jpg", "") for i in range(IMAGES)])
    (folder / "runs/drawn").mkdir(parents=True)
    (folder / "runs/drawn/metrics.json").write_text("{}")
    manifest = {"data": {"name": "painters"}, "embedding": ""}
    (folder / "runs/drawn/manifest.json").write_text(json.dumps(manifest))
    probability = {"slope": SLOPE, "intercept": INTERCEPT, "share": 0.5}
    (folder / "runs/drawn/verification.json").write_text(json.dumps({"probability": probability}))
    with (folder / "submission_info.csv").open("w") as file:
        file.write("index,image1,image2\n")
        for start in range(0, PAIRS, 1_000_000):
            pairs = random.integers(IMAGES, size=(min(1_000_000, PAIRS - start), 2)).tolist()
            file.writelines(f"{start + i},{one}.jpg,{other}.jpg\n" for i, (one, other) in enumerate(pairs))
    return embeddings, (folder / "submission_info.csv").stat().st_size


def check(folder: Path, embeddings: np.ndarray) -> None:
    """Compare every ten-thousandth line of all parts with what it should be."""
    parts = sorted((folder / "out").iterdir())
    at = 0
    with (folder / "submission_info.csv").open() as asked:
        next(asked)
        for part in parts:
            with part.open() as told:
                assert next(told) == "index,sameArtist\n"
                for line in told:
                    pair = next(asked)
                    if at % 10_000 == 0:
                        index, one, other = pair.replace(".jpg", "").split(",")
                        score = float(embeddings[int(one)].astype(float) @ embeddings[int(other)].astype(float))
                        assert line.split(",")[0] == index == str(at)
                        assert abs(float(line.split(",")[1]) - 1 / (1 + np.exp(-SLOPE * score - INTERCEPT))) < 1e-5
                    at += 1
    assert at == PAIRS


def test_all_pairs_of_painter_by_numbers(tmp_path: Path) -> None:
    if shutil.disk_usage(tmp_path).free < 2 << 30:
        pytest.skip("pairs and probabilities take a gigabyte, of which twice as much is not free")
    try:
        embeddings, size = draw(tmp_path)
        # A child's peak starts with what its parent held when it was started: a shell in between holds next to nothing.
        command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", PREDICT, str(tmp_path)]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        check(tmp_path, embeddings)
    finally:
        for name in ("submission_info.csv", "out"):
            shutil.rmtree(tmp_path / name) if (tmp_path / name).is_dir() else (tmp_path / name).unlink(missing_ok=True)
    print(
        f"\n{told['pairs']:,} pairs ({size / 2**20:.0f} MiB) of {told['images']:,} images × {WIDTH}: "
        f"{told['parts']} parts in {told['seconds']:.0f} s, {told['peak']:.0f} MiB at most"
    )
    assert (told["pairs"], told["images"], told["parts"]) == (PAIRS, IMAGES, 5)
    assert told["peak"] < 2048
