"""Where a command may write: never over what is read, a run or the cache, and under a name that people can type."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from tlk.data.collection import Collection, is_collection
from tlk.data.folds import HEADER
from tlk.errors import UserError, printable
from tlk.files import require_folder
from tlk.workflows.checksums import is_listed
from tlk.workflows.ledger import refuse_ledger
from tlk.workflows.run_names import PARTIAL
from tlk.workflows.workspace import CACHE_FOLDERS, SOURCES, SOURCES_LOCK, Workspace

# What is read in the data's folder, which may also be the current one, where outputs lie.
_TABLES = (
    *("train.csv", "test_candidates.csv", "test_truth.csv", "sample-submission.csv"),
    *("collection.csv", "parts.csv", "pairs.csv"),
)
_IMAGES = ("train", "train/left", "train/right", "test", "test/left", "test/right", "images")  # each may be a link


def require_output(
    path: Path, workspace: Workspace, option: str = "--out", reads: Iterable[Path] = (), over_folds: bool = False
) -> None:
    """Raise a UserError if nothing may be written to the file `path`, which an option names, or nothing can be.

    `reads` are files that the command reads. A fold table is replaced `over_folds` alone.
    """
    _require_name(path, option)
    refuse_ledger(path)
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder\nname a file in it with {option}")
    _require_free(path, _owner(path, workspace, False), option)
    if any(_is_same(path, file) for file in reads):
        raise UserError(f"cannot write {path}: the command reads it\nchoose another name with {option}")
    if not over_folds and _is_fold_table(path):
        raise UserError(f"cannot write {path}: it is a fold table\nchoose another name with {option}")
    require_folder(path.parent, f"choose another place with {option}")


def require_output_folder(path: Path, workspace: Workspace, option: str = "--out") -> None:
    """Raise a UserError if nothing may be written into the folder `path`, which an option names, or nothing can be."""
    _require_name(path, option)
    if os.path.lexists(path) and not path.is_dir():
        raise UserError(f"cannot write into {path}: it is not a folder\nname a folder with {option}")
    _require_free(path, _owner(path, workspace, True), option)
    require_folder(path, f"choose another place with {option}")


def _require_name(path: Path, option: str) -> None:
    if path.name == "-" or not path.name.isprintable():
        raise UserError(f"{option} {printable(str(path))}: that is no name for a file\nchoose another one")


def _require_free(path: Path, owner: str | None, option: str) -> None:
    if owner is not None:
        raise UserError(f"cannot write {path}: that is a place of {owner}\nchoose another name with {option}")


def _owner(path: Path, workspace: Workspace, is_folder: bool) -> str | None:
    """Return whose place a path is: a run's, the cache's, or the data's; beside a run's own files others may lie."""
    data, runs = _real(workspace.data), _run_folders(workspace.runs)
    cached, read = _places_of_cache(workspace), _places_of_data(workspace.data)
    for place, rest in _lineage(path):
        if place in runs and (is_folder or (os.path.lexists(path) and is_listed(place, place / rest))):
            return f"the runs in {workspace.runs}"
        if place in cached:
            return f"the cache in {workspace.cache}"
        if place in read or (place == data and not rest.parts and not is_folder):
            return f"the data in {workspace.data}"
    return None


def _lineage(path: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the real path of `path` and of every folder that it lies in, and the way from there.

    As it is written, because that name is replaced, and with its links followed, because that is what is read.
    """
    for form in (Path(os.path.abspath(path)), _real(path)):
        for place in (form, *form.parents):
            yield _real(place), form.relative_to(place)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # a loop of links is no error


def _run_folders(runs: Path) -> set[Path]:
    try:
        return {_real(folder) for folder in runs.iterdir() if _is_run(folder)}
    except OSError:  # none yet, or none that could be read
        return set()


def _is_run(folder: Path) -> bool:
    """Return whether a folder is a run, or one on its way; beside runs other things may lie."""
    known = ("recipe.toml", "manifest.json", "metrics.json")
    return folder.is_dir() and (folder.name.endswith(PARTIAL) or any((folder / name).exists() for name in known))


def _places_of_cache(workspace: Workspace) -> set[Path]:
    """Return the cache's folder, or only what is the cache's own in a folder that holds the user's work, too."""
    cache = _real(workspace.cache)
    if any(_real(place).is_relative_to(cache) for place in (Path(), workspace.data, workspace.runs)):
        return {_real(cache / name) for name in (*CACHE_FOLDERS, SOURCES, SOURCES_LOCK)}
    return {cache}


def _places_of_data(data: Path) -> set[Path]:
    names = {*_TABLES, *_IMAGES}
    if is_collection(data):
        with suppress(UserError):  # whoever reads it says what is wrong with it
            names |= {PurePosixPath(path).parts[0] for path in Collection(data).paths}
    return {_real(data / name) for name in names}


def _is_same(path: Path, file: Path) -> bool:
    return os.path.exists(path) and os.path.exists(file) and os.path.samefile(path, file)


def _is_fold_table(path: Path) -> bool:
    if not path.is_file():  # a pipe would never end
        return False
    try:
        with path.open("rb") as file:
            return file.readline(100).decode("utf-8-sig", "replace").strip() == ",".join(HEADER)
    except OSError:
        return False
