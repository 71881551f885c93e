"""Decoding: files to pixels, beside a loop of PIL's own calls."""

import io
from collections import deque
from pathlib import Path

from PIL import Image

from tlk.data.competition import Competition
from tlk.data.reader import ImageReader
from tlk.workflows.bench.measure import Row, seconds_of

_IMAGES = 1024


def decode(data: Path) -> list[Row]:
    """Return the comparison on the first images of the competition in the folder `data`."""
    competition = Competition(data)
    paths = competition.image_paths()[:_IMAGES]
    files = [competition.source.read(path) for path in paths]

    def plain() -> None:
        for content in files:
            Image.open(io.BytesIO(content)).convert("RGB").load()

    def ours() -> None:
        deque(ImageReader(competition.source).images(paths), maxlen=0)

    ours()
    plain()
    seconds = seconds_of(ours)
    note = f"{len(paths) / seconds:,.0f} images a second"
    return [Row("decode", f"{len(paths):,} images", seconds, "PIL, one after another", seconds_of(plain), None, note)]
