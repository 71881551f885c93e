"""CSVs as they are distributed: plain, or alone in a zip, beside what a Mac or its maker added."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from tlk.data.zips import MAX_STREAMED_BYTES, open_entry
from tlk.errors import UserError


@contextmanager
def open_csv(path: Path) -> Iterator[IO[bytes]]:
    """Open a CSV to be read as a stream: a file, or a zip that holds one.

    Raises:
        UserError: it cannot be opened or, as may turn out while it is read, not be read to its end.
    """
    if path.suffix.lower() != ".zip":
        try:
            with path.open("rb") as file:
                yield file
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror}\ncheck the path") from error
        return
    try:
        with zipfile.ZipFile(path) as archive, open_entry(archive, _only_csv(archive), MAX_STREAMED_BYTES) as entry:
            yield entry
    except UserError:
        raise
    except Exception as error:  # zipfile and zlib each raise their own, and trip over a damaged directory
        raise UserError(
            f"cannot read {path}: {error or 'it is cut off'}\ndownload it again, or give the unpacked file"
        ) from error


def _only_csv(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    tables = [info for info in archive.infolist() if _is_csv(info.filename)]
    if len(tables) != 1:
        raise UserError(f"{archive.filename} holds {len(tables)} CSVs where one was expected\ngive the unpacked file")
    return tables[0]


def _is_csv(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() == ".csv" and not path.name.startswith(".") and path.parts[0] != "__MACOSX"
