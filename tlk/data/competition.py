"""The competition's own layout: pairs to learn from, and lists of candidates to choose from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tlk.constants import CANDIDATES
from tlk.data.images import SUFFIXES
from tlk.data.source import Source, open_source
from tlk.errors import UserError, summarise
from tlk.submission import submission_header
from tlk.tables import Header, Table, parse_table, refuse_repeats

PAIR_HEADER = ("left", "right")
FOLDERS = ("train/left", "train/right", "test/left", "test/right")


@dataclass(frozen=True)
class Pairs:
    """Labelled pairs: `lefts[i]` looks like `rights[i]`; each id once."""

    lefts: tuple[str, ...]
    rights: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.lefts)


@dataclass(frozen=True)
class CandidateLists:
    """One list of candidates (right ids) for each query (a left id), all of one length."""

    queries: tuple[str, ...]
    candidates: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def length(self) -> int:
        """Candidates in each list."""
        return len(self.candidates[0])

    @property
    def gallery(self) -> tuple[str, ...]:
        """Every right id that stands in a list, once, sorted."""
        return tuple(sorted({candidate for row in self.candidates for candidate in row}))


class Competition:
    """A folder or zip in the competition's layout; either half may be absent until it is asked for."""

    def __init__(self, location: Path) -> None:
        self.source: Source = open_source(location)
        self._folders: dict[str, dict[str, str]] = {}

    @property
    def name(self) -> str:
        """What folds and manifests call the data: the name of the folder or zip."""
        return self.source.name

    def has_train(self) -> bool:
        """Return whether the labelled half is there."""
        return self.source.exists("train.csv")

    def has_test(self) -> bool:
        """Return whether the half with the candidate lists is there."""
        return self.source.exists("test_candidates.csv")

    def train_pairs(self) -> Pairs:
        """Read train.csv and find every image that it names.

        Raises:
            UserError: the table is missing or faulty, or an id has no image.
        """
        table = self._table("train.csv", lambda width: PAIR_HEADER)
        lefts, rights = table.column("left"), table.column("right")
        for column, ids in (("left", lefts), ("right", rights)):
            refuse_repeats(table, column)
            self.paths(f"train/{column}", ids, table)
        return Pairs(tuple(lefts), tuple(rights))

    def list_length(self) -> int:
        """Return how many candidates the data's own lists have, from the table alone; 20 where there is no table."""
        if not self.has_test():
            return CANDIDATES
        return len(self._table("test_candidates.csv", _candidates_header).header) - 1

    def test_lists(self) -> CandidateLists:
        """Read test_candidates.csv and find every image that it names.

        Raises:
            UserError: the table is missing or faulty, or an id has no image.
        """
        table = self._table("test_candidates.csv", _candidates_header)
        queries = table.column("left")
        refuse_repeats(table, "left")
        candidates = [row[1:] for row in table.rows]
        for row, line in zip(candidates, table.lines, strict=True):
            if len(set(row)) < len(row):
                raise UserError(f"{table.name}, line {line}: a candidate stands in the list twice\nremove the repeat")
        lists = CandidateLists(tuple(queries), tuple(candidates))
        self.paths("test/left", queries, table)
        self.paths("test/right", lists.gallery, table)
        return lists

    def paths(self, folder: str, ids: Iterable[str], table: Table | None = None) -> list[str]:
        """Return the path of each id's image in `folder`.

        Raises:
            UserError: an id is not a plain name, or has no image; `table` says where the ids came from.
        """
        index = self.images(folder)
        origin = table.name if table else self.source.location
        paths: list[str] = []
        missing: list[str] = []
        for name in ids:
            path = index.get(name)
            if path is not None:
                paths.append(path)
            elif not is_plain_id(name):
                what = f"{name[:60]!r} is not an id"
                raise UserError(f"{origin}: {what}\nan id is the name of an image without its ending")
            else:
                missing.append(name)
        if missing:
            raise UserError(
                f"{origin}: no image in {self.source.location}/{folder} for {summarise([repr(m) for m in missing])}\n"
                "put the images there, or take the rows out of the table"
            )
        return paths

    def images(self, folder: str) -> dict[str, str]:
        """Return id → path of the images directly in `folder`; stray files are not images.

        Raises:
            UserError: two images have one id.
        """
        if folder not in self._folders:
            names = [PurePosixPath(name) for name in self.source.files(folder)]
            images = [name for name in names if name.suffix.lower() in SUFFIXES]
            self._folders[folder] = {name.stem: f"{folder}/{name}" for name in images}
            if len(self._folders[folder]) < len(images):
                twice = next(name for name in images if self._folders[folder][name.stem] != f"{folder}/{name}")
                raise UserError(
                    f"{self.source.location}/{folder} has two images for id {twice.stem!r}, one of them {twice}\n"
                    "remove or rename one of the two"
                )
        return self._folders[folder]

    def image_paths(self) -> list[str]:
        """Return the paths of all images of whatever halves are there.

        Raises:
            UserError: two images in a folder have one id.
        """
        return [path for folder in FOLDERS for path in self.images(folder).values()]

    def _table(self, name: str, header: Header) -> Table:
        if not self.source.exists(name):
            raise UserError(f"{self.source.location} has no {name}\npoint --data at a folder or zip that has one")
        table = parse_table(self.source.read(name), f"{self.source.location}/{name}", header)
        if not table.rows:
            raise UserError(f"{table.name} has a header but no rows")
        return table


def _candidates_header(width: int) -> tuple[str, ...]:
    return submission_header(max(width - 1, 2))


def is_plain_id(name: str) -> bool:
    """Return whether `name` can be the name of a file in one folder: never a path, never empty or unprintable."""
    return name.strip() not in ("", ".", "..") and not set(name) & set("/\\") and name.isprintable()
