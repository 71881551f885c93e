"""A run's own checksums, in the format of `sha256sum`: a flipped bit must not change a submission unseen."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from tlk.errors import UserError, damaged_run
from tlk.files import write_text
from tlk.workflows.run_names import INPUTS

CHECKSUMS = "SHA256SUMS"
_KINDS = (".csv", ".json", ".npz", ".safetensors", ".toml")  # a tracker still writes to its own files


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_checksums(folder: Path, besides: Sequence[str] = ()) -> None:
    """Write down the checksums of a run's files; the members of an ensemble have their own.

    Raises:
        UserError: a file cannot be read, or the folder cannot be written to.
    """
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    chosen = sorted(path.as_posix() for path in files if _is_own(path) and path.name not in (*besides, CHECKSUMS))
    try:
        lines = [f"{sha256_of(folder / name)}  {name}\n" for name in chosen]
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}\nrun the same command again") from error
    write_text(folder / CHECKSUMS, "".join(lines))


def require_whole(folder: Path, path: Path, sha256: str | None = None) -> None:
    """Raise a UserError unless a file of a run is what it was when the run was completed.

    `sha256` is the file's, if that is known already. A run on its way may change, and one of former times has no
    checksums.
    """
    listing = folder / CHECKSUMS
    if not listing.exists() or (folder / INPUTS).exists():
        return
    try:
        known = dict(map(_parse, listing.read_bytes().splitlines()))
        there = sha256 or sha256_of(path)
    except OSError as error:
        raise damaged_run(folder, f"cannot read {error.filename}: {error.strerror}") from error
    except ValueError as error:
        raise damaged_run(folder, f"{listing} is damaged: {error}") from error
    if not known:
        raise damaged_run(folder, f"{listing} is damaged: it is empty")
    if known.get(path.relative_to(folder).as_posix()) != there:
        raise damaged_run(folder, f"{path} is damaged: it is not what {listing} says")


def is_listed(folder: Path, path: Path) -> bool:
    """Return whether a file of a run's folder is the run's own; where that cannot be told, it is."""
    try:
        known = {_parse(line)[0] for line in (folder / CHECKSUMS).read_bytes().splitlines()}
    except (OSError, ValueError):
        return True
    name = path.relative_to(folder)
    return name.as_posix() in known or name.parts[0] in ("members", CHECKSUMS)


def _is_own(path: Path) -> bool:
    return path.parts[0] != "members" and path.suffix in _KINDS and not path.name.startswith(".")


def _parse(line: bytes) -> tuple[str, str]:
    found = re.fullmatch(r"([0-9a-f]{64})  (.+)", line.decode("utf-8"))
    if found is None:
        raise ValueError("a line has no checksum")
    return found[2], found[1]
