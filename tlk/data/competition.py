"""The competition's own layout: pairs to learn from, and lists of candidates to choose from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tlk.constants import CANDIDATES
from tlk.data.images import SUFFIXES
from tlk.data.names import composed
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

    def only(self, rows: Iterable[int]) -> "Pairs":
        """Return the pairs in some rows."""
        chosen = list(rows)
        return Pairs(tuple(self.lefts[row] for row in chosen), tuple(self.rights[row] for row in chosen))


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


class ImageIndex(Mapping[str, str]):
    """Id → path of images; an id is found, too, where it and the file's name differ in Unicode's normal form alone.

    Some systems and archivers write é as one letter, some as e and an accent: they look alike, and mean the same image.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = paths
        self._normal = {composed(name): path for name, path in paths.items() if not name.isascii()}

    def __getitem__(self, name: str) -> str:
        path = self._paths.get(name)
        return self._normal[composed(name)] if path is None else path

    def __contains__(self, name: object) -> bool:
        return name in self._paths or (isinstance(name, str) and composed(name) in self._normal)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class Competition:
    """A folder or zip in the competition's layout; either half may be absent until it is asked for.

    Images are named by folder and id, as `train/left/abc`. `without` some of them, which may be none, they are as if
    they were not there, and a row of a table that names an image that is not there is no error.
    """

    def __init__(self, location: Path, without: frozenset[str] | None = None) -> None:
        self.source: Source = open_source(location)
        self.without = without
        self._folders: dict[str, ImageIndex] = {}

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
        """Read train.csv and find every image that it names; pairs that lack one are left out where that is no error.

        Raises:
            UserError: the table is missing or faulty, an id has no image, or no pair has its two.
        """
        listed = self.listed_pairs()
        if self.without is None:
            return listed
        left, right = (self.images(f"train/{side}") for side in PAIR_HEADER)
        whole = [row for row in range(len(listed)) if listed.lefts[row] in left and listed.rights[row] in right]
        if not whole:
            raise UserError(f"{self.source.location}: no training pair has two images that can be read\nget them again")
        return listed.only(whole)

    def listed_pairs(self) -> Pairs:
        """Read train.csv: all its pairs, those that lack an image, too, where that is no error.

        Raises:
            UserError: the table is missing or faulty, or an id has no image.
        """
        table = self._table("train.csv", lambda width: PAIR_HEADER)
        for column in PAIR_HEADER:
            refuse_repeats(table, column)
            self._require_images(table, (column,), f"train/{column}")
        return Pairs(tuple(table.column("left")), tuple(table.column("right")))

    def list_length(self) -> int:
        """Return how many candidates the data's own lists have, from the table alone; 20 where there is no table."""
        if not self.has_test():
            return CANDIDATES
        return len(self._table("test_candidates.csv", _candidates_header).header) - 1

    def test_lists(self) -> CandidateLists:
        """Read test_candidates.csv and find every image that it names; all lists, even where one is not there.

        Raises:
            UserError: the table is missing or faulty, or an id has no image and that is an error.
        """
        table = self._table("test_candidates.csv", _candidates_header)
        queries = table.column("left")
        refuse_repeats(table, "left")
        candidates = [row[1:] for row in table.rows]
        for row, line in zip(candidates, table.lines, strict=True):
            if len(set(row)) < len(row):
                raise UserError(f"{table.name}, line {line}: a candidate stands in the list twice\nremove the repeat")
        lists = CandidateLists(tuple(queries), tuple(candidates))
        self._require_images(table, table.header[:1], "test/left")
        self._require_images(table, table.header[1:], "test/right")
        return lists

    def paths(self, folder: str, ids: Iterable[str]) -> list[str]:
        """Return the path of each id's image in `folder`.

        Raises:
            UserError: an id has no image.
        """
        index, names = self.images(folder), list(ids)
        missing = [repr(name) for name in names if name not in index]
        if missing:
            raise UserError(f"no image in {self.source.location}/{folder} for {summarise(missing)}\nput it there")
        return [index[name] for name in names]

    def _require_images(self, table: Table, columns: Sequence[str], folder: str) -> None:
        """Raise a UserError if a cell of the columns is not a plain name, or has no image and that is an error."""
        index, missing = self.images(folder), dict[str, int]()  # the line that a name stands in first
        for column in columns:
            for name, line in zip(table.column(column), table.lines, strict=True):
                if name not in index:
                    missing[name] = min(line, missing.get(name, line))
        for name, line in missing.items():
            if not is_plain_id(name):
                what = f"{table.name}, line {line}: {name[:60]!r} is not an id"
                raise UserError(f"{what}\nan id is the name of an image without its ending")
        if missing and self.without is None:
            shown = summarise([f"{name!r} (line {line})" for name, line in missing.items()])
            raise UserError(
                f"{table.name}: no image in {self.source.location}/{folder} for {shown}\n"
                "put the images there, take the rows out of the table, or go on without them: --skip-bad"
            )

    def images(self, folder: str) -> ImageIndex:
        """Return id → path of the images directly in `folder`; stray files are not images.

        Raises:
            UserError: two images have one id.
        """
        if folder not in self._folders:
            names = [PurePosixPath(name) for name in self.source.files(folder)]
            images = [name for name in names if name.suffix.lower() in SUFFIXES]
            paths = {name.stem: f"{folder}/{name}" for name in images}
            if len(paths) < len(images):
                twice = next(name for name in images if paths[name.stem] != f"{folder}/{name}")
                raise UserError(
                    f"{self.source.location}/{folder} has two images for id {twice.stem!r}, one of them {twice}\n"
                    "remove or rename one of the two"
                )
            out = self.without or frozenset()
            left = {name: path for name, path in paths.items() if f"{folder}/{name}" not in out}
            self._folders[folder] = ImageIndex(left)
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
            raise UserError(f"{table.name} has a header but no rows\nput the rows in, or get the table again")
        return table


def _candidates_header(width: int) -> tuple[str, ...]:
    return submission_header(max(width - 1, 2))


def is_plain_id(name: str) -> bool:
    """Return whether `name` can be the name of a file in one folder: never a path, never empty or unprintable."""
    return name.strip() not in ("", ".", "..") and not set(name) & set("/\\") and name.isprintable()
