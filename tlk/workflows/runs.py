"""Which runs there are, complete and unfinished, and the removal of those that nobody needs."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tlk.constants import PICKS
from tlk.errors import UserError, damaged_run, summarise
from tlk.locks import is_in_use
from tlk.temporary import discard
from tlk.workflows.recover import recover
from tlk.workflows.run import MEMBERS, Run
from tlk.workflows.run_names import INPUTS, PARTIAL, is_run_name

COMPLETE, UNFINISHED, DAMAGED = "complete", "unfinished", "damaged"
_OF_A_RUN = ("recipe.toml", "manifest.json", "metrics.json", "oof.npz", INPUTS)


def list_runs(runs: Path, names: Sequence[str] = (), unfinished: bool = False) -> list[dict[str, Any]]:
    """Return what `tlk runs --json` prints: all runs by name, or those that are named, or the unfinished ones alone.

    Raises:
        UserError: one that is named is not there.
    """
    recover(runs)
    there = _folders(runs)
    missing = [name for name in names if name not in {Run(folder).name for folder in there}]
    if missing:
        raise _no_such(runs, missing, unfinished)
    named = [folder for folder in there if not names or Run(folder).name in names]
    return [_row(folder) for folder in named if not unfinished or _is_unfinished(folder)]


def prune_runs(runs: Path, names: Sequence[str], unfinished: bool = False) -> dict[str, Any]:
    """Remove the named runs, or their unfinished ones alone; return their names and how many bytes they took.

    Raises:
        UserError: none is named, one is not there or is being worked on, or a folder cannot be removed. Unless the
            last, nothing is removed then.
    """
    if not names:
        raise UserError("--prune removes the runs that are named\nname them: tlk runs --prune RUN RUN")
    recover(runs)
    there = {Run(folder).name: folder for folder in _folders(runs) if _is_unfinished(folder) == unfinished}
    missing = [name for name in names if name not in there]
    if missing:
        raise _no_such(runs, missing, unfinished)
    chosen = [there[name] for name in dict.fromkeys(names)]
    busy = [folder.name for folder in chosen if any(map(is_in_use, [folder, *folder.rglob(f"*{PARTIAL}")]))]
    if busy:
        raise UserError(f"{summarise(busy)} in {runs}: a process is training there\nend it first")
    freed = sum(map(_size, chosen))
    for folder in chosen:
        try:
            discard(folder)
        except OSError as error:
            raise UserError(f"cannot remove {folder}: {error.strerror}\ncheck its rights") from error
    return {"removed": [folder.name for folder in chosen], "freed": freed}


def _folders(runs: Path) -> list[Path]:
    """Return the folders that are runs, or were to become some."""
    try:
        there = sorted(path for path in runs.iterdir() if is_run_name(Run(path).name))
    except OSError:
        return []
    return [path for path in there if any((path / name).exists() for name in _OF_A_RUN) or _is_unfinished(path)]


def _is_unfinished(folder: Path) -> bool:
    return folder.name.endswith(PARTIAL) and folder.is_dir()


def _no_such(runs: Path, missing: list[str], unfinished: bool) -> UserError:
    kind = "unfinished run" if unfinished else "run"
    hint = "see which there are: tlk runs"
    if not unfinished and any((runs / f"{name}{PARTIAL}").is_dir() for name in missing):
        hint = "for what was left unfinished add --unfinished"
    return UserError(f"there is no {kind} {summarise([repr(name) for name in missing])} in {runs}\n{hint}")


def _row(folder: Path) -> dict[str, Any]:
    """Return what there is to say of one run; what cannot be read of it is None."""
    run = Run(folder)
    row: dict[str, Any] = {"run": run.name, "state": COMPLETE, "recipe": None, "data": None, "expected_top_2": None}
    row |= {"expected_ci95": None, "progress": None, "fault": None}
    try:
        row["recipe"] = run.recipe().name
        if _is_unfinished(folder):
            row |= {"state": UNFINISHED, "progress": _progress(folder)}
        else:
            run.require_models()
            numbers = run.numbers()
            row |= {"data": run.manifest()["data"]["name"], "expected_top_2": numbers["expected_top_k"][str(PICKS)]}
            row["expected_ci95"] = numbers.get("expected_ci95", {}).get(str(PICKS))
            if run.blend() is None and not (folder / "oof.npz").exists():
                raise damaged_run(folder, f"{folder / 'oof.npz'} is missing")
    except UserError as error:
        row |= {"state": DAMAGED, "fault": str(error).splitlines()[0]}
    return row | {"size": _size(folder), "age": max(0.0, round(time.time() - _changed(folder), 1))}


def _progress(folder: Path) -> str:
    """Return how far an unfinished run has come, in a few words."""
    members = folder / MEMBERS
    if members.is_dir():
        done = [path for path in members.glob("*/metrics.json") if not _is_unfinished(path.parent)]
        now = [f"{Run(path).name}: {_progress(path)}" for path in sorted(members.glob(f"*{PARTIAL}"))]
        return ", ".join([f"members trained: {len(done)}", *now])
    words = [f"folds trained: {len(list(folder.glob('fold*/model.safetensors')))}"]
    states = [path for path in folder.glob("fold*/state/**/state-*") if path.is_dir()]
    if states:
        last = max(states, key=lambda path: path.stat().st_mtime)
        words.append(f"the next at epoch {last.name.removeprefix('state-')}")
    return ", ".join(words)


def _files(folder: Path) -> list[os.stat_result]:
    found = []
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                found.append(os.lstat(os.path.join(place, name)))
            except OSError:  # gone since: a training goes on there
                continue
    return found


def _size(folder: Path) -> int:
    return sum(file.st_size for file in _files(folder))


def _changed(folder: Path) -> float:
    return max((file.st_mtime for file in _files(folder)), default=folder.stat().st_mtime)
