"""What the cache holds, and forgetting what belongs to images that are no longer there."""

import os
import shlex
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from tlk.data.competition import Competition
from tlk.data.gallery import image_files
from tlk.data.pixels import PixelCache
from tlk.data.reader import ImageReader
from tlk.data.shards import KEY
from tlk.data.source import Source
from tlk.errors import UserError, summarise
from tlk.workflows.progress import Reporter
from tlk.workflows.workspace import CACHE_FOLDERS, PIXELS, VECTORS, Workspace

_ABANDONED_SECONDS = 3600  # no writer needs so long for one file


def list_cache(workspace: Workspace) -> dict[str, Any]:
    """Return what `tlk cache --json` prints: what there is of each view, of pixels and exports, in bytes."""
    views: list[dict[str, Any]] = [
        {"name": held.view, "folder": held.shards.folder.name, "vectors": held.vectors, "size": held.size}
        for held in workspace.store().contents()
    ]
    pixels: list[dict[str, Any]] = [
        {
            "folder": folder.name,
            # In another decoder's format there may be anything.
            "images": PixelCache(folder, 0).count() if folder == workspace.pixels else None,
            "size": _size(folder),
        }
        for folder in _folders(workspace.cache / PIXELS)
    ]
    exported = _folders(workspace.exports)
    exports: list[dict[str, Any]] = [{"name": folder.name, "size": _size(folder)} for folder in exported]
    leftovers = sum(map(_size, _leftovers(workspace)))
    return {
        "cache": str(workspace.cache),
        "views": views,
        "pixels": pixels,
        "exports": exports,
        "leftovers": leftovers,
        "sources": workspace.sources(),
        "size": sum(part["size"] for part in (*views, *pixels, *exports)) + leftovers,
    }


def prune_cache(workspace: Workspace, data: Path | None, forget: Sequence[Path], reporter: Reporter) -> dict[str, int]:
    """Forget what is of no image of the remembered sources and the data; return how many vectors, images and bytes.

    What other processes put into the cache meanwhile stays. `data` is what the user has named, `forget` are sources
    whose images are to count as gone.

    Raises:
        UserError: a source is gone or cannot be read, none is known, or the cache cannot be written to.
    """
    store, pixels = workspace.store(), PixelCache(workspace.pixels, 0)
    # Looked at before the sources are: whoever stores something has named its source before.
    contents, images = store.contents(), pixels.count()
    forgotten = _forgotten(workspace, forget)
    keep = _keys(_sources(workspace, data, forgotten), reporter) if contents or images else np.empty(0, KEY)
    before = _whole_size(workspace)
    if forgotten:
        workspace.forget(forgotten)
    removed = {"vectors": store.prune(contents, keep), "images": pixels.prune(keep)}
    for old in _folders(workspace.cache / PIXELS):
        if old != workspace.pixels:
            _remove(old)
    for leftover in _leftovers(workspace):
        _remove(leftover)
    return {**removed, "freed": max(0, before - _whole_size(workspace))}  # others may have written meanwhile


def _forgotten(workspace: Workspace, forget: Sequence[Path]) -> set[str]:
    known, found = workspace.sources(), set()
    for path in forget:
        same = {str(path.absolute()), str(path.resolve())} & set(known)
        if not same:
            what = f"it knows {summarise(known)}" if known else "it knows none"
            raise UserError(f"--forget {path}: the cache knows no such data\n{what}")
        found |= same
    return found


def _sources(workspace: Workspace, data: Path | None, forgotten: set[str]) -> dict[Source, list[str]]:
    """Return each source that is there and the paths of its images."""
    remembered = [place for place in workspace.sources() if place not in forgotten]
    found = {place: _images(Path(place)) for place in remembered if os.path.exists(place)}
    gone = [place for place in remembered if place not in found or not found[place][1]]
    if gone:  # perhaps a disk that is not mounted: what cannot be seen is not forgotten unasked
        options = " ".join(f"--forget {shlex.quote(place)}" for place in gone)
        raise UserError(
            f"{summarise(gone)}: gone, or without images, while the cache may hold some from there\n"
            f"bring the data back, or forget them: tlk cache --prune {options}"
        )
    place = str(workspace.data.resolve())
    named = data is not None or bool(os.environ.get("TLK_DATA"))
    if place not in {*found, *forgotten} and (named or workspace.data.exists()):
        source, paths = _images(workspace.data)
        if named and not paths:
            raise UserError(f"{workspace.data} has no images in train/ or test/\npoint --data at a competition's data")
        if paths:
            found[place] = (source, paths)
            workspace.remember(workspace.data)  # what stays because of it is to stay the next time, too
    if not found and not forgotten:
        raise UserError(f"nothing says whose images {workspace.cache} holds\nname their data with --data or TLK_DATA")
    return dict(found.values())


def _images(location: Path) -> tuple[Source, list[str]]:
    competition = Competition(location)
    return competition.source, competition.image_paths() or image_files(location)  # any folder that was searched


def _keys(sources: dict[Source, list[str]], reporter: Reporter) -> np.ndarray:
    """Return the content keys of all images."""
    total, done, keys = sum(map(len, sources.values())), 0, [np.empty(0, KEY)]
    with reporter.track("reading images") as progress:
        for source, paths in sources.items():
            reader = ImageReader(source)
            for start in range(0, len(paths), 256):
                keys.append(reader.keys(paths[start : start + 256]))
                done += len(keys[-1])
                progress(done, total)
    return np.concatenate(keys)


def _leftovers(workspace: Workspace) -> list[Path]:
    """Return what killed writers have left: temporary files, data without an index, exports that were never done."""
    data = [path for part in (VECTORS, PIXELS) for path in workspace.cache.glob(f"{part}/*/*.data.npy")]
    orphans = [path for path in data if not path.with_name(path.name.replace(".data.", ".index.")).exists()]
    patterns = (".sources.json.*.tmp", "vectors/*/.*.tmp", "pixels/*/.*.tmp", "exports/.export-*", "exports/.*.tmp")
    temporary = [path for pattern in patterns for path in workspace.cache.glob(pattern)]
    return [path for path in [*orphans, *temporary] if _is_abandoned(path)]


def _is_abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
    except OSError:  # its writer was ready
        return False


def _folders(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("[!.]*") if path.is_dir())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _whole_size(workspace: Workspace) -> int:
    return sum(_size(workspace.cache / part) for part in CACHE_FOLDERS)


def _size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    files = [Path(folder) / name for folder, _, names in os.walk(path) for name in names] or [path]
    total = 0
    for file in files:
        with suppress(OSError):  # another process was faster
            total += file.stat().st_size if file.is_file() else 0
    return total
