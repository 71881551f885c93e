"""Where things lie: the data, the cache and the runs of the folder that a command was started in."""

import os
from dataclasses import dataclass
from pathlib import Path

from tlk.data.competition import Competition
from tlk.data.images import DECODER
from tlk.data.pixels import PixelCache
from tlk.data.reader import ImageReader
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import digest
from tlk.errors import UserError

PIXEL_CACHE_GB = 2.0


@dataclass(frozen=True)
class Workspace:
    """The places that a command works in."""

    data: Path
    runs: Path
    cache: Path

    @classmethod
    def here(cls, data: Path | None = None, runs: Path | None = None) -> "Workspace":
        """Return the places as options and environment name them: TLK_DATA, TLK_CACHE."""
        return cls(
            data=data or Path(os.environ.get("TLK_DATA") or "data"),
            runs=runs or Path("runs"),
            cache=Path(os.environ.get("TLK_CACHE") or ".tlk"),
        )

    def competition(self) -> Competition:
        """Open the data."""
        return Competition(self.data)

    def store(self) -> VectorStore:
        """Open the embedding store."""
        return VectorStore(self.cache / "vectors")

    @property
    def exports(self) -> Path:
        """Where networks lie that were exported for a faster engine."""
        return self.cache / "exports"

    def reader(self, competition: Competition, passes: int) -> ImageReader:
        """Return a reader of the data's images; pixels are kept only where there will be another pass over them.

        Raises:
            UserError: TLK_PIXEL_CACHE_GB is not a number.
        """
        text = os.environ.get("TLK_PIXEL_CACHE_GB") or str(PIXEL_CACHE_GB)
        try:
            gigabytes = float(text)
        except ValueError:
            gigabytes = -1.0
        if not 0 <= gigabytes <= 1e6:
            raise UserError(f"TLK_PIXEL_CACHE_GB={text} is not a size\nset it to gigabytes, 0 for none")
        keep = passes > 1 and gigabytes > 0
        return ImageReader(
            competition.source,
            PixelCache(self.cache / "pixels" / digest([DECODER.encode()]), int(gigabytes * 1e9)) if keep else None,
        )
