"""`--skip-bad`: which images cannot be read, and what a command goes on without.

There is one idea: the images are looked at once, before anything else, and a workspace without the bad ones is what the
command works in. Tables keep their rows: a pair that lacks an image is neither trained on nor scored, and all others
stay in the folds that they were in.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from tlk.data.collection import is_collection
from tlk.data.competition import Competition
from tlk.data.reader import ImageReader
from tlk.errors import UserError
from tlk.processes import rank
from tlk.workflows.progress import Reporter
from tlk.workflows.workspace import Workspace

Images = dict[str, Sequence[str]]  # folder → ids
Wanted = Callable[[Competition], Images]

_KEY = "skipped"  # in manifests, and in what a run is resumed with
_SHOWN = 20  # images that a note names one by one


def unreadable(
    paths: Sequence[str], reader: ImageReader, lacking: Callable[[np.ndarray], np.ndarray], reporter: Reporter
) -> dict[str, str]:
    """Return the paths of the images that cannot be read or decoded, and what is wrong with each.

    Args:
        paths: of images.
        reader: reads them.
        lacking: returns the positions of the content keys whose images have to be decoded: others were, once.
        reporter: shows how far it is.
    """
    bad = {} if _fault([*paths], reader) is None else {path: why for path in paths if (why := _fault([path], reader))}
    there = [path for path in paths if path not in bad]
    keys = reader.keys(there)
    new = lacking(keys)
    damaged: dict[bytes, str] = {}
    with reporter.track("looking for damage") as progress:
        for number, image in enumerate(reader.attempts([there[i] for i in new])):
            if isinstance(image, UserError):
                damaged[bytes(keys[new[number]])] = _told(image, there[new[number]])
            progress(number + 1, len(new))
    # Each content was looked at once.
    return bad | {path: damaged[bytes(key)] for path, key in zip(there, keys, strict=True) if bytes(key) in damaged}


def without_bad(workspace: Workspace, wanted: Wanted, reporter: Reporter) -> Workspace:
    """Return the workspace without those of the `wanted` images of a competition that cannot be read, and say which.

    Raises:
        UserError: the data are a collection, or their tables are faulty.
    """
    if is_collection(workspace.data):
        what = "--skip-bad is for competitions: a collection has what could be read when it was made"
        raise UserError(f"{what}\nleave it out, or make the collection again: tlk data nga, or tlk data painters")
    competition, paths, bad = Competition(workspace.data, frozenset()), dict[str, str](), dict[str, str]()
    for folder, names in wanted(competition).items():
        there = competition.images(folder)
        paths |= {there[name]: f"{folder}/{PurePosixPath(there[name]).stem}" for name in names if name in there}
        bad |= {f"{folder}/{name}": "there is no such image" for name in names if name not in there}
    count, reader = len(paths) + len(bad), workspace.reader(competition, passes=2)
    found = unreadable(list(paths), reader, lambda keys: np.arange(len(keys)), reporter)
    bad |= {paths[path]: why for path, why in found.items()}
    say_skipped(bad, count, reporter)
    return replace(workspace, without=frozenset(bad))


def of_pairs(competition: Competition) -> Images:
    """Return the images of the training pairs."""
    pairs = competition.listed_pairs()
    return {"train/left": pairs.lefts, "train/right": pairs.rights}


def of_training(competition: Competition) -> Images:
    """Return the images of the training pairs, and those of the test half, which have no labels."""
    return of_pairs(competition) | {folder: list(competition.images(folder)) for folder in ("test/left", "test/right")}


def of_lists(competition: Competition) -> Images:
    """Return the images of the test lists."""
    lists = competition.test_lists()
    return {"test/left": lists.queries, "test/right": lists.gallery}


def say_skipped(bad: dict[str, str], count: int, reporter: Reporter) -> None:
    """Say how many of `count` images are left out, and name them."""
    if not bad or rank() != 0:
        return
    lines = [f"  {name}: {why}" for name, why in sorted(bad.items())]
    more = [f"  and {len(lines) - _SHOWN:,} more"] if len(lines) > _SHOWN else []
    reporter.note("\n".join([f"{len(bad):,} of {count:,} images are left out:", *lines[:_SHOWN], *more]))


def skipped(workspace: Workspace) -> dict[str, list[str]]:
    """Return what a manifest says of the images that a run goes without."""
    return {_KEY: sorted(workspace.without)} if workspace.without else {}


def kept_out(workspace: Workspace) -> dict[str, str]:
    """Return the same for what a run is resumed with."""
    return {key: json.dumps(names) for key, names in skipped(workspace).items()}


def as_begun(workspace: Workspace, inputs: dict[str, Any]) -> Workspace:
    """Return the workspace that an unfinished run was begun in: what was left out then stays left out."""
    return replace(workspace, without=frozenset(json.loads(inputs[_KEY]))) if _KEY in inputs else workspace


def as_trained(workspace: Workspace, manifest: dict[str, Any]) -> Workspace:
    """Return the workspace that the run with a manifest was trained in: without what it went without."""
    names = manifest["data"].get(_KEY)
    return replace(workspace, without=frozenset(names)) if names else workspace


def _fault(paths: list[str], reader: ImageReader) -> str | None:
    try:
        reader.keys(paths)
    except UserError as error:
        return _told(error, paths[0])
    return None


def _told(error: UserError, path: str) -> str:
    """Return what is wrong, without the path: copies of a file share it."""
    first = str(error).splitlines()[0]
    return first.partition(f"{path}: ")[2] or first
