"""The trail of submissions: which file came from which run, what that reached here, and what the leaderboard said.

The ledger lies beside the files that it tells of, in a folder called `submissions` and in no other: a prediction that
is written elsewhere, such as the demo's test of each run, is not meant for a leaderboard.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tlk.constants import PICKS
from tlk.errors import UserError, damaged_run
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
    return parse_ledger(read_table(path, lambda width: HEADER)) if os.path.lexists(path) else []


def record_prediction(path: Path, text: str, run: Run, data: str, matched: bool, reporter: Reporter) -> None:
    """Append a row for the submission `text`, which was written to `path`; what goes wrong is noted, never raised.

    `data` is the name of the data whose lists were scored; `matched`: all lists were looked at together.
    """
    folder = path.absolute().parent
    if folder.name != FOLDER.name:
        return
    try:
        entry = _entry(path.name, text, run, data, matched)
        _change(path.parent, lambda entries: [*entries, entry])
    except UserError as error:
        reporter.note(f"{path} is written, but not in {path.parent / LEDGER}: {' – '.join(str(error).splitlines())}")


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
    folder = file.parent if file.absolute().parent.name == FOLDER.name else FOLDER
    place = file if file.exists() else folder / file.name
    changed: list[Entry] = []

    def change(entries: list[Entry]) -> list[Entry]:
        row = _newest(entries, place, folder)
        known = entries[row]
        changed.append(
            replace(known, public=told.get("public", known.public), private=told.get("private", known.private))
        )
        return [*entries[:row], changed[0], *entries[row + 1 :]]

    if not (folder / LEDGER).exists():
        raise UserError(f"there is no {folder / LEDGER}\ntlk predict begins it where it writes to {FOLDER}/")
    _change(folder, change)
    return changed[0]


def state_of(entry: Entry, folder: Path = FOLDER) -> str:
    """Return whether the file of a row is `there` as it was written, `changed`, or `gone`."""
    content = _content(folder / entry.file)
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
    """Return the row that a score of `file` belongs to."""
    rows = [row for row, entry in enumerate(entries) if entry.file == file.name]
    if not rows:
        there = f"it has {entries[-1].file}" if entries else "it is empty"
        raise UserError(f"{folder / LEDGER} has no row for {file.name}\n{there}; files elsewhere are not recorded")
    content = _content(file)
    rows = [row for row in rows if content in (None, entries[row].sha256)]
    if not rows:
        what = f"{file} is not what {folder / LEDGER} has under that name"
        raise UserError(f"{what}\nbring the file that was scored back, or move this one away")
    return rows[-1]


def _content(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None


def _change(folder: Path, change: Callable[[list[Entry]], list[Entry]]) -> None:
    """Read the ledger, change it and write it whole, one process at a time."""
    try:
        with locked(folder / LOCK):
            write_text(folder / LEDGER, format_ledger(change(read_ledger(folder))))
    except OSError as error:
        raise UserError(f"cannot lock {folder / LOCK}: {error.strerror}\ncheck the rights of its folder") from error
