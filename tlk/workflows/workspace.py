"""Where things lie: the data, the cache and the runs of the folder that a command was started in."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tlk.data.collection import Collection
from tlk.data.competition import Competition
from tlk.data.images import DECODER
from tlk.data.pixels import PixelCache
from tlk.data.reader import ImageReader
from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import digest
from tlk.errors import UserError
from tlk.files import read_json, write_json
from tlk.locks import locked

PIXEL_CACHE_GB = 2.0

# What lies in the cache's folder, which may hold other things, too.
VECTORS, PIXELS, EXPORTS = CACHE_FOLDERS = ("vectors", "pixels", "exports")
SOURCES, SOURCES_LOCK = "sources.json", ".sources.lock"


@dataclass(frozen=True)
class Workspace:
    """The places that a command works in, and the images of the data that it goes on without (`--skip-bad`)."""

    data: Path
    runs: Path
    cache: Path
    without: frozenset[str] | None = None

    @classmethod
    def here(cls, data: Path | None = None, runs: Path | None = None) -> "Workspace":
        """Return the places as options and environment name them: TLK_DATA, TLK_CACHE; no shell expands `~` for all.

        A notebook's `%env` and a file of settings leave it as it is, and a folder called `~` is never meant.
        """
        return cls(
            data=data or Path(os.environ.get("TLK_DATA") or "data").expanduser(),
            runs=runs or Path("runs"),
            cache=Path(os.environ.get("TLK_CACHE") or ".tlk").expanduser(),
        )

    def competition(self) -> Competition:
        """Open the data."""
        return Competition(self.data, self.without)

    def store(self) -> VectorStore:
        """Open the embedding store."""
        return VectorStore(self.cache / VECTORS)

    @property
    def exports(self) -> Path:
        """Where networks lie that were exported for a faster engine."""
        return self.cache / EXPORTS

    @property
    def pixels(self) -> Path:
        """Where decoded pixels lie: those of another decoder lie beside them."""
        return self.cache / PIXELS / digest([DECODER.encode()])

    def sources(self) -> list[str]:
        """Return the locations of the data whose images the cache holds.

        Raises:
            UserError: the file that says so is damaged.
        """
        file = self.cache / SOURCES
        try:
            found = read_json(file)
            if not (isinstance(found, list) and all(isinstance(place, str) for place in found)):
                raise ValueError("it is not a list of paths")
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read {file}: {error}\ndelete it, then run tlk embed on all your data") from error
        return found

    def remember(self, location: Path) -> None:
        """Add to the sources, where the cache can be written to: into another one nothing will be put."""
        place = str(location.resolve())
        with suppress(UserError):
            if place not in self.sources():  # mostly it is: then nothing is locked
                self._change_sources(lambda sources: [*sources, place])

    def forget(self, places: set[str]) -> None:
        """Take `places` out of the sources.

        Raises:
            UserError: the cache cannot be written to.
        """
        self._change_sources(lambda sources: [place for place in sources if place not in places])

    def _change_sources(self, change: Callable[[list[str]], list[str]]) -> None:
        file = self.cache / SOURCES
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
            with locked(self.cache / SOURCES_LOCK):  # one process at a time reads and writes
                write_json(file, list(dict.fromkeys(change(self.sources()))))
        except OSError as error:
            raise UserError(f"cannot write {file}: {error.strerror}\ncheck its rights, or move TLK_CACHE") from error

    def reader(self, data: Competition | Collection, passes: int) -> ImageReader:
        """Return a reader of the data's images; pixels are kept only where there will be another pass over them.

        The cache remembers where the data lie before anything of theirs is put into it.

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
        self.remember(data.source.location)
        return ImageReader(data.source, PixelCache(self.pixels, int(gigabytes * 1e9)) if keep else None)
