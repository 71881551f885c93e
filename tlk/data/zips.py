"""Entries of zips that anybody may have made: nothing is unpacked to disk, nor into memory beyond a stated size."""

import zipfile
from typing import IO

MAX_STREAMED_BYTES = 4 * 1024**3  # of a table that is read as a stream, a row at a time

# bzip2 and LZMA unpack whatever a piece of them holds at once, and a few bytes may hold gigabytes.
_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PIECE = 1024 * 1024


def open_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> IO[bytes]:
    """Open an entry, which gives no more bytes than `most`, and no more than it claims to have.

    Raises:
        BadZipFile: it claims more, or is packed by another method than deflate. zipfile raises more kinds than that.
    """
    if info.file_size > most:
        raise zipfile.BadZipFile(f"it would unpack to {info.file_size:,} bytes, the limit is {most:,}")
    if info.compress_type not in _BOUNDED:
        raise zipfile.BadZipFile("it is packed by another method than deflate: unpack it, or pack it anew")
    return archive.open(info)


def read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """Return the content of an entry, likewise: in pieces, because zipfile cuts what is too much only afterwards."""
    with open_entry(archive, info, most) as entry:
        return b"".join(iter(lambda: entry.read(_PIECE), b""))
