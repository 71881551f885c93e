"""A run on its way: its name, the folder it grows in, and the moment it takes its place."""

import re
import shutil
from pathlib import Path

from tlk.errors import UserError
from tlk.files import write_json
from tlk.recipe_schema import AnyRecipe
from tlk.workflows.run import PARTIAL, Run, is_run_name

INPUTS = "inputs.json"  # there until the run is complete


def choose_place(
    runs: Path, recipe: str, name: str | None, resume: bool, overwrite: bool, resumable: bool = True
) -> Path:
    """Return the folder that the complete run will have: the name asked for, or the recipe's, or that with -2, -3 …

    `resumable` is whether the command that asks could go on with an unfinished run.

    Raises:
        UserError: the name cannot be a run's, is taken, or there is nothing to resume.
    """
    place = runs / (name or recipe)
    if name is not None and not is_run_name(name):
        raise UserError(f"--run {name}: a run's name has letters, digits, dots, dashes and underscores")
    if resume and overwrite:
        raise UserError("--resume goes on with a run, --overwrite starts anew\ngive one or the other")
    if resume:
        return _unfinished(runs, recipe, name)
    if overwrite or not _taken(place):
        return place
    if name is not None:
        unfinished = _partial(place).exists()
        what = "was left unfinished" if unfinished else "exists"
        resuming = "--resume, " if unfinished and resumable else ""
        raise UserError(f"run {name!r} {what} in {runs}\ntake {resuming}--overwrite, or another name with --run")
    number = 2
    while _taken(runs / f"{recipe}-{number}"):
        number += 1
    return runs / f"{recipe}-{number}"


def open_partial(place: Path, recipe: AnyRecipe, inputs: dict[str, str], resume: bool, overwrite: bool) -> Run:
    """Return the unfinished run beside `place`, an empty one unless it is resumed.

    `inputs` are fingerprints of what the run is made from beside the recipe: folds, images, weights.

    Raises:
        UserError: it was started with other inputs or another recipe, or another process has taken the name since.
    """
    run = Run(_partial(place))
    known = run.folder / INPUTS
    if not resume:
        if overwrite:
            shutil.rmtree(run.folder, ignore_errors=True)
        _claim(run.folder)
        write_json(known, inputs)
        run.write_recipe(recipe)
    elif not known.exists() or run.document(INPUTS) != inputs or run.recipe() != recipe:
        what = "another recipe, other folds, images or weights"
        raise UserError(f"--resume: {run.folder} was started with {what}\nstart anew: --overwrite")
    return run


def complete(run: Run, place: Path) -> Run:
    """Put the finished run in its place; an older one of the name goes only now."""
    (run.folder / INPUTS).unlink(missing_ok=True)
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    run.folder.rename(place)
    shutil.rmtree(old, ignore_errors=True)
    return Run(place)


def _claim(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise UserError(f"{folder} has just been taken by another run\ntake another name with --run") from error
    except OSError as error:
        raise UserError(f"cannot make {folder}: {error.strerror}\nchoose another place with --runs") from error


def _unfinished(runs: Path, recipe: str, name: str | None) -> Path:
    """Return the place of the run to resume: the one named, or the only unfinished one of the recipe."""
    pattern = re.escape(name) if name is not None else re.escape(recipe) + r"(-\d+)?"
    there = sorted(path.name.removesuffix(PARTIAL) for path in runs.glob(f"*{PARTIAL}"))
    found = [known for known in there if re.fullmatch(pattern, known)]
    if len(found) == 1:
        return runs / found[0]
    if not found:
        raise UserError(f"--resume: there is no unfinished run {name or recipe!r} in {runs}\nstart it without --resume")
    raise UserError(f"--resume: {', '.join(found)} are unfinished\nname one with --run")


def _partial(place: Path) -> Path:
    return place.with_name(place.name + PARTIAL)


def _taken(place: Path) -> bool:
    return place.exists() or _partial(place).exists()
