"""Peak memory of a fresh process, its imports counted, that decodes one of the largest images of a real collection."""

import subprocess
import sys
from pathlib import Path

import pytest

MAKE = """
import sys
from PIL import Image
width, height, progressive = map(int, sys.argv[2:])
tile = Image.effect_noise((256, 256), 60).resize((512, 512)).convert("RGB")
image = Image.new("RGB", (width, height))
for left in range(0, width, 512):
    for top in range(0, height, 512):
        image.paste(tile, (left, top))
image.save(sys.argv[1], quality=85, subsampling=0, progressive=bool(progressive))
"""

DECODE = """
import resource, sys, time
from pathlib import Path
from tlk.data.images import decode_image
data = Path(sys.argv[1]).read_bytes()
started = time.perf_counter()
image = decode_image(data, "giant", int(sys.argv[2]))
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(peak, seconds, len(data), *image.shape)
"""


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("size", [(15530, 6911), (25528, 3000)], ids=["107 megapixels", "77 megapixels"])
@pytest.mark.parametrize(("progressive", "bound"), [(0, 400), (1, 1024)], ids=["baseline", "progressive"])
def test_peak_memory(progressive: int, bound: int, size: tuple[int, int], side: int, tmp_path: Path) -> None:
    path = tmp_path / "giant.jpg"
    subprocess.run([sys.executable, "-c", MAKE, path, *map(str, size), str(progressive)], check=True)
    # A child's peak starts with what its parent held when it was started: a shell in between holds next to nothing.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", DECODE, str(path), str(side)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    peak, seconds, held, shape = float(told[0]), float(told[1]), int(told[2]), tuple(map(int, told[3:]))
    kind = "progressive" if progressive else "baseline"
    print(
        f"\n{size[0]} × {size[1]}, {kind}, {held / 2**20:.1f} MiB, to {side}: {peak:.0f} MiB at most, {seconds:.2f} s"
    )
    assert shape[1] == side
    assert abs(shape[0] - side * size[1] / size[0]) <= 1
    assert peak < bound
