"""The part of a gallery that can be read."""

from dataclasses import replace

import numpy as np

from tlk.data.gallery import Gallery
from tlk.data.reader import ImageReader
from tlk.errors import UserError, summarise
from tlk.workflows.progress import Reporter
from tlk.workflows.search_spaces import Space
from tlk.workflows.skip_bad import unreadable

_TOGETHER = 1024  # files


def keys_of(gallery: Gallery, reader: ImageReader, reporter: Reporter) -> np.ndarray:
    """Return the `(m,)` content keys of the gallery.

    Raises:
        UserError: a file cannot be read.
    """
    with reporter.track("reading images") as progress:
        for start in range(0, len(gallery), _TOGETHER):
            reader.keys(gallery.paths[start : start + _TOGETHER])
            progress(min(start + _TOGETHER, len(gallery)), len(gallery))
    return reader.keys(gallery.paths)


def without_damage(
    gallery: Gallery, reader: ImageReader, space: Space, reporter: Reporter
) -> tuple[Gallery, tuple[str, ...]]:
    """Return the gallery without the images that cannot be read or decoded, and the ids of these.

    What the store has was decoded once; the rest is decoded here, and again when it is embedded.

    Raises:
        UserError: nothing is left.
    """
    bad = unreadable(gallery.paths, reader, space.lacking, reporter)
    keep = [row for row, path in enumerate(gallery.paths) if path not in bad]
    if not keep:
        raise UserError(f"no image of gallery {gallery.source.location} can be read\nname another: --gallery DIR")
    lost = tuple(name for name, path in zip(gallery.ids, gallery.paths, strict=True) if path in bad)
    if lost:
        reporter.note(f"{len(lost):,} of {len(gallery):,} images cannot be read and are left out: {summarise(lost)}")
    return _only(gallery, keep), lost


def _only(gallery: Gallery, rows: list[int]) -> Gallery:
    def own(cells: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cells[row] for row in rows) if cells else ()

    return replace(
        gallery,
        ids=own(gallery.ids),
        paths=own(gallery.paths),
        titles=own(gallery.titles),
        artists=own(gallery.artists),
    )
