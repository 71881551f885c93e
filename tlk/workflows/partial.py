"""A run on its way: its name, the folder it grows in, and the moment it takes its place."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tlk.errors import UserError
from tlk.files import require_folder, write_json
from tlk.locks import is_in_use, owned
from tlk.recipe_schema import AnyRecipe
from tlk.temporary import discard
from tlk.workflows.checksums import CHECKSUMS, write_checksums
from tlk.workflows.recover import recover
from tlk.workflows.run import Run
from tlk.workflows.run_names import INPUTS, OLD, PARTIAL, is_run_name

AT_ONCE = {"made": "at once"}  # the inputs of a run that is never resumed


def choose_place(
    runs: Path, recipe: str, name: str | None, resume: bool, overwrite: bool, resumable: bool = True
) -> Path:
    """Return the folder that the complete run will have: the name asked for, or the recipe's, or that with -2, -3 …

    `resumable` is whether the command that asks could go on with an unfinished run.

    Raises:
        UserError: the name cannot be a run's, is taken, there is nothing to resume, or no run can be made there.
    """
    require_folder(runs, "choose another place with --runs")
    recover(runs)
    place = runs / (name or recipe)
    if name is not None and not is_run_name(name):
        raise UserError(f"--run {name}: a run's name has letters, digits, dots, dashes and underscores")
    if resume and overwrite:
        raise UserError("--resume goes on with a run, --overwrite starts anew\ngive one or the other")
    if resume:
        return _unfinished(runs, recipe, name)
    if (overwrite or name is not None) and is_in_use(partial_of(place)):
        raise _busy(partial_of(place))
    if overwrite or not _taken(place):
        return _cleared(place)
    if name is not None:
        unfinished = partial_of(place).exists()
        what = "was left unfinished" if unfinished else "exists"
        resuming = "--resume, " if unfinished and resumable else ""
        raise UserError(f"run {name!r} {what} in {runs}\ntake {resuming}--overwrite, or another name with --run")
    number = 2
    while _taken(runs / f"{recipe}-{number}"):
        number += 1
    return _cleared(runs / f"{recipe}-{number}")


@contextmanager
def open_partial(
    place: Path, recipe: AnyRecipe, inputs: dict[str, str], resume: bool, overwrite: bool, first: bool = True
) -> Iterator[Run]:
    """Give the unfinished run beside `place`, an empty one unless it is resumed; nobody else may have it meanwhile.

    `inputs` are fingerprints of what the run is made from beside the recipe: folds, images, weights. Of several
    processes that work on one run the `first` owns it.

    Raises:
        UserError: it was started with other inputs or another recipe, or another process has it.
    """
    run = Run(partial_of(place))
    if not first:
        _require_same(run, recipe, inputs)
        yield run
        return
    if not resume:
        if overwrite:
            _give_up(run.folder)
        _claim(run.folder)
    with owned(run.folder) as mine:
        if not mine:
            raise _busy(run.folder)
        (run.folder / CHECKSUMS).unlink(missing_ok=True)  # of one that was killed at its end
        if (run.folder / INPUTS).exists():
            _require_same(run, recipe, inputs)
        else:
            _begin(run, recipe, inputs)
        yield run


def unfinished_inputs(place: Path) -> dict[str, Any]:
    """Return the fingerprints that the unfinished run beside `place` was begun with; none where they are gone."""
    run = Run(partial_of(place))
    return run.document(INPUTS) if (run.folder / INPUTS).exists() else {}


def complete(run: Run, place: Path) -> Run:
    """Put the finished run in its place; an older one of the name goes only now.

    Raises:
        UserError: the folder of the runs cannot be written to.
    """
    write_checksums(run.folder, besides=(INPUTS,))
    old = place.with_name(f".{place.name}{OLD}")
    try:
        if os.path.lexists(place):
            discard(old)
            place.rename(old)
        run.folder.rename(place)  # killed between these two, `recover` puts the older one back
        (place / INPUTS).unlink(missing_ok=True)
        discard(old)
    except OSError as error:
        raise UserError(f"cannot write {place}: {error.strerror}\ncheck its rights, then --resume") from error
    return Run(place)


def partial_of(place: Path) -> Path:
    """Return the folder that a run grows in."""
    return place.with_name(place.name + PARTIAL)


def _begin(run: Run, recipe: AnyRecipe, inputs: dict[str, str]) -> None:
    try:
        run.write_recipe(recipe)
        write_json(run.folder / INPUTS, inputs)
    except UserError:  # a full disk: nothing has come about
        shutil.rmtree(run.folder, ignore_errors=True)
        raise


def _claim(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise _busy(folder) from error
    except OSError as error:
        raise UserError(f"cannot make {folder}: {error.strerror}\nchoose another place with --runs") from error


def _give_up(folder: Path) -> None:
    """Remove an unfinished run, unless another process is making it."""
    try:
        with owned(folder) as mine:
            if mine:
                discard(folder)
            elif folder.exists():
                raise _busy(folder)
    except OSError as error:
        raise UserError(f"cannot remove {folder}: {error.strerror}\ncheck its rights") from error


def _busy(folder: Path) -> UserError:
    return UserError(f"{folder} is being made by another process now\nwait for it, or take another name with --run")


def _require_same(run: Run, recipe: AnyRecipe, inputs: dict[str, str]) -> None:
    known = run.folder / INPUTS
    if not known.exists() or run.document(INPUTS) != inputs or run.recipe() != recipe:
        what = "another recipe, other folds, images or weights"
        raise UserError(f"--resume: {run.folder} was started with {what}\nstart anew: --overwrite")


def _is_worthless(folder: Path) -> bool:
    """Return whether nothing could be resumed in an unfinished run, and nobody is making it."""
    if not folder.exists() or is_in_use(folder):
        return False
    known = folder / INPUTS
    return not known.exists() or Run(folder).document(INPUTS) == AT_ONCE


def _unfinished(runs: Path, recipe: str, name: str | None) -> Path:
    """Return the place of the run to resume: the one named, or the only unfinished one of the recipe."""
    pattern = re.escape(name) if name is not None else re.escape(recipe) + r"(-\d+)?"
    there = sorted(path.name.removesuffix(PARTIAL) for path in runs.glob(f"*{PARTIAL}"))
    found = [known for known in there if re.fullmatch(pattern, known)]
    if len(found) == 1:
        if is_in_use(partial_of(runs / found[0])):
            raise _busy(partial_of(runs / found[0]))
        return runs / found[0]
    if not found:
        raise UserError(f"--resume: there is no unfinished run {name or recipe!r} in {runs}\nstart it without --resume")
    raise UserError(f"--resume: {', '.join(found)} are unfinished\nname one with --run")


def _cleared(place: Path) -> Path:
    """Return the place, without an unfinished run in which nothing could be resumed."""
    if _is_worthless(partial_of(place)):
        _give_up(partial_of(place))
    return place


def _taken(place: Path) -> bool:
    partial = partial_of(place)
    return os.path.lexists(place) or (os.path.lexists(partial) and not _is_worthless(partial))
