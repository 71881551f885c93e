"""Millions of lines in files of a bounded length: all of them, or those that were there before."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path

import numpy as np

from tlk.errors import UserError
from tlk.files import replacing
from tlk.temporary import temporary_folder

HEADER = ("index", "sameArtist")


def write_parts(rows: Iterable[tuple[list[str], np.ndarray]], folder: Path, shard_rows: int) -> int:
    """Write blocks of index and `(n,)` probabilities as `part-000.csv` …, and return how many parts there are.

    Six digits, wherever the first one stands: a curve that was fitted to data leaves ranks distinct that far.

    Raises:
        UserError: the folder cannot be written to.
    """
    lines = chain.from_iterable(
        zip(index, map("{:.6g}".format, probability.tolist()), strict=True) for index, probability in rows
    )
    parts = 0
    for line in lines:  # the first of a part; the others are taken below
        with replacing(folder / f"part-{parts:03d}.csv") as file:
            text = io.TextIOWrapper(file, "utf-8", newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(HEADER)
            writer.writerows(chain([line], islice(lines, shard_rows - 1)))
            text.detach()  # all is written, and the file stays open
        parts += 1
    return parts


@contextmanager
def replacing_parts(folder: Path) -> Iterator[Path]:
    """Give a folder for the parts; if the block ends well they replace those in `folder`, else nothing stays of them.

    Raises:
        UserError: `folder` cannot be written to, or a file that is no part has the name of one.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary_folder(folder / "parts") as temporary:
            yield temporary
            made = sorted(temporary.iterdir())
            stale = own_parts(folder)[len(made) :]
            for part in made:
                part.replace(folder / part.name)
        for part in stale:
            part.unlink()
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}\nfree some space, or choose another place") from error
    finally:
        if is_new:
            with suppress(OSError):
                folder.rmdir()  # unless there is something in it


def own_parts(folder: Path) -> list[Path]:
    """Return the parts that there are in a folder, by name.

    Raises:
        UserError: a file with the name of one is something else, which is not to be lost.
    """
    found = sorted(folder.glob("part-[0-9][0-9][0-9].csv"))
    for path in found:
        if not _is_part(path):
            raise UserError(
                f"cannot write into {folder}: {path.name} is no part of pairs\nname another folder with --out"
            )
    return found


def _is_part(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.readline(100).rstrip(b"\r\n") == ",".join(HEADER).encode()
    except OSError:
        return False
