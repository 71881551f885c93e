"""Where a command may write: never over the data, a run or the cache, and under a name that people can type."""

from pathlib import Path

from tlk.errors import UserError, printable
from tlk.files import require_folder
from tlk.workflows.checksums import is_listed
from tlk.workflows.workspace import Workspace

# What is read in the data's folder, which may also be the current one, where outputs lie.
_READ = frozenset(
    {"train.csv", "test_candidates.csv", "test_truth.csv", "sample-submission.csv", "collection.csv", "pairs.csv"}
    | {"train", "test", "images"}
)


def require_output(path: Path, workspace: Workspace, option: str = "--out") -> None:
    """Raise a UserError if nothing may be written to `path`, which an option names, or nothing can be."""
    if path.name == "-" or not path.name.isprintable():
        raise UserError(f"{option} {printable(str(path))}: that is no name for a file\nchoose another one")
    if path.is_dir():
        raise UserError(f"cannot write {path}: it is a folder\nname a file in it with {option}")
    owner = _owner(path, workspace)
    if owner is not None:
        raise UserError(f"cannot write {path}: that is a place of {owner}\nchoose another name with {option}")
    require_folder(path.parent, f"choose another place with {option}")


def _owner(path: Path, workspace: Workspace) -> str | None:
    """Return what a path would write over: a file of a run, the cache, or the data."""
    place, data = path.resolve(), workspace.data.resolve()
    runs = workspace.runs.resolve()
    if place.is_relative_to(runs) and place.exists():
        folder = runs / place.relative_to(runs).parts[0]
        if is_listed(folder, place):  # and not something that was put beside the run's own files
            return f"the runs in {workspace.runs}"
    if place.is_relative_to(workspace.cache.resolve()):
        return f"the cache in {workspace.cache}"
    if place == data or (place.is_relative_to(data) and place.relative_to(data).parts[0] in _READ):
        return f"the data in {workspace.data}"
    return None
