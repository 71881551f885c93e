"""The trail of submissions: which file came from which run, what that reached here, and what the leaderboard said.

A ledger lies in a folder called `submissions`: that of a file in such a folder beside it, that of any other one in the
workspace. It names files as they are reached from its folder: `a.csv`, `../elsewhere.csv`.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tlk.constants import PICKS
from tlk.errors import UserError, damaged_run, summarise
from tlk.files import write_text
from tlk.locks import locked
from tlk.tables import read_table
from tlk.workflows.ledger_rows import HEADER, Entry, format_ledger, parse_ledger, share
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run

FOLDER = Path("submissions")
LEDGER = "ledger.csv"
LOCK = ".ledger.lock"  # empty; it stays


def read_ledger(folder: Path = FOLDER) -> list[Entry]:
    """Return what the ledger in `folder` holds, the newest last; nothing where there is none.

    Raises:
        UserError: it cannot be read, or a line is damaged.
    """
    path = folder / LEDGER
    return parse_ledger(read_table(path, lambda width: HEADER, further=True)) if os.path.lexists(path) else []


def refuse_ledger(path: Path) -> None:
    """Raise a UserError if a submission at `path` would replace a ledger, or the lock of one."""
    if path.name.casefold() in (LEDGER, LOCK) and folder_of(path) == path.parent:
        raise UserError(f"{path} is where the trail of submissions is kept\nchoose another name with --out")


def folder_of(file: Path) -> Path:
    """Return the folder whose ledger tells of `file`."""
    return file.parent if Path(os.path.abspath(file)).parent.name == FOLDER.name else FOLDER


def record_prediction(path: Path, text: str, run: Run, data: str, matched: bool, reporter: Reporter) -> None:
    """Append a row for the submission `text`, which was written to `path`; what goes wrong is noted, never raised.

    `data` is the name of the data whose lists were scored; `matched`: all lists were looked at together.
    """
    folder = folder_of(path)
    try:
        entry = _entry(_name_in(folder, path), text, run, data, matched)
        _change(folder, lambda entries: [*entries, entry])
    except UserError as error:
        reporter.note(f"{path} is written, but not in {folder / LEDGER}: {' – '.join(str(error).splitlines())}")


def record_score(file: Path, public: float | None, private: float | None) -> Entry:
    """Add the leaderboard's answer to the newest row of `file`, if that is there to the newest of its content.

    Raises:
        UserError: a score is not from 0 to 1, there is no such row, or the ledger is damaged or cannot be written.
    """
    told = {name: value for name, value in (("public", public), ("private", private)) if value is not None}
    if not told:
        raise UserError("the leaderboard's answer is missing\ngive it: --public 0.61, --private 0.60, or both")
    for name, value in told.items():
        try:
            share(value)
        except ValueError as error:
            raise UserError(f"--{name} {value:g} is not {error}") from error
    folder = folder_of(file)
    changed: list[Entry] = []

    def change(entries: list[Entry]) -> list[Entry]:
        row = _newest(entries, file, folder)
        known = entries[row]
        changed.append(
            replace(known, public=told.get("public", known.public), private=told.get("private", known.private))
        )
        return [*entries[:row], changed[0], *entries[row + 1 :]]

    if not (folder / LEDGER).exists():
        raise UserError(f"there is no {folder / LEDGER}\ntlk predict begins it where it writes to {FOLDER}/")
    _change(folder, change)
    return changed[0]


def state_of(entry: Entry) -> str:
    """Return whether the file of a row in the workspace's ledger is `there` as written, `changed`, or `gone`."""
    content = _content(FOLDER / entry.file)
    return "gone" if content is None else "there" if content == entry.sha256 else "changed"


def _entry(file: str, text: str, run: Run, data: str, matched: bool) -> Entry:
    manifest, numbers, k = run.manifest(), run.numbers(), str(PICKS)
    names = ("matched_top_k", "matched_ci95") if matched else ("top_k", "ci95")
    accuracies, intervals = (numbers.get(name) for name in names)
    top_2 = low = high = None
    if not matched or accuracies is not None:  # else a run of one fold, whose lists could not be matched
        try:
            top_2, (low, high) = float(accuracies[k]), map(float, intervals[k])  # type: ignore[index]
        except (KeyError, TypeError, ValueError) as error:
            raise damaged_run(run.folder, f"{run.folder / 'metrics.json'} has no top-{k} accuracy") from error
    return Entry(
        file=file,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        run=run.name,
        recipe=run.recipe().name,
        data=data,
        top_2=top_2,
        low=low,
        high=high,
        matched=matched,
        transductive=matched or bool(manifest.get("pseudo_pairs")),
        time=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def _newest(entries: list[Entry], file: Path, folder: Path) -> int:
    """Return the row that a score of `file` belongs to: a path, or the bare name of a file in the ledger's folder."""
    name = next((x for x in (_name_in(folder, file), file.name) if any(entry.file == x for entry in entries)), None)
    if name is None:
        known = summarise(list(dict.fromkeys(entry.file for entry in reversed(entries)))) or "nothing"
        raise UserError(f"{folder / LEDGER} has no row for {file}\nit has {known}; tlk predict enters what it writes")
    place = file if file.exists() else folder / name
    content = _content(place)
    rows = [row for row, entry in enumerate(entries) if entry.file == name and content in (None, entry.sha256)]
    if not rows:
        what = f"{place} is not what {folder / LEDGER} has under that name"
        raise UserError(f"{what}\nbring the file that was scored back, or move this one away")
    return rows[-1]


def _name_in(folder: Path, file: Path) -> str:
    """Return how `file` is reached from `folder`."""
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # another drive, on Windows
        return Path(os.path.abspath(file)).as_posix()


def _content(file: Path) -> str | None:
    if not file.is_file():  # a pipe, or a device, has no end
        return None
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None


def _change(folder: Path, change: Callable[[list[Entry]], list[Entry]]) -> None:
    """Read the ledger, change it and write it whole, one process at a time."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / LOCK):
            write_text(folder / LEDGER, format_ledger(change(read_ledger(folder))))
    except OSError as error:
        raise UserError(f"cannot write into {folder}: {error.strerror}\ncheck its rights") from error
