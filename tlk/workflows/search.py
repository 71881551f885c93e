"""The images of a gallery that are most like some others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from tlk.constants import PICKS
from tlk.data.gallery import Gallery, open_gallery
from tlk.data.reader import ImageReader
from tlk.data.source import data_name
from tlk.errors import UserError
from tlk.workflows.contact_sheet import require_fitting
from tlk.workflows.device import require_device
from tlk.workflows.outputs import require_output
from tlk.workflows.progress import Reporter
from tlk.workflows.run import best_run, complete_runs, find_run
from tlk.workflows.search_damage import keys_of, without_damage
from tlk.workflows.search_queries import Query, SearchReader, find_queries
from tlk.workflows.search_results import Found, Neighbour, Searched, write_results
from tlk.workflows.search_spaces import Images, RunSpace, Space
from tlk.workflows.workspace import Workspace

_TOGETHER = 2048  # queries


@dataclass(frozen=True)
class SearchOptions:
    """What `tlk search` is told."""

    queries: tuple[str, ...]  # ids of the gallery, or paths
    run: str | None = None
    gallery: Path | None = None
    top: int = 10
    backbone: str | None = None
    device: str = "auto"
    skip_bad: bool = False
    out: Path | None = None
    sheet: Path | None = None


def search(workspace: Workspace, options: SearchOptions, reporter: Reporter) -> Searched:
    """Find the nearest images of a gallery for each query, and write the table and the sheet that are asked for.

    A query that is in the gallery is not its own neighbour; copies of it under other names are.

    Raises:
        UserError: a query or an image of the gallery cannot be read, there are fewer images than asked for, a file
            cannot be written, or no such run.
    """
    location = options.gallery or workspace.data
    gallery, skipped = open_gallery(location), tuple[str, ...]()
    _refuse_unfit(options, gallery, workspace)
    queries = find_queries(options.queries, gallery)
    space = _space(workspace, options, reporter)
    workspace.remember(gallery.source.location)  # before anything of it is stored
    reader = SearchReader(gallery.source)
    if options.skip_bad:
        gallery, skipped = without_damage(gallery, reader, space, reporter)
        _refuse_unfit(options, gallery, workspace)
    keys = keys_of(gallery, reader, reporter)
    found: list[Found] = []
    for start in range(0, len(queries), _TOGETHER):
        part = queries[start : start + _TOGETHER]
        places = _places(part, gallery, keys, reader, reporter)
        found += _nearest(part, places, gallery, reader, space, options.top)
    write_results(found, options.out, options.sheet, reader)
    return Searched(space.name, str(location), len(gallery), skipped, tuple(found))


def _refuse_unfit(options: SearchOptions, gallery: Gallery, workspace: Workspace) -> None:
    if options.run is not None and options.backbone is not None:
        raise UserError("--run compares with a run's models, --backbone with a frozen network\ngive one of the two")
    if not 1 <= options.top <= len(gallery):
        raise UserError(f"--top {options.top}: the gallery has {len(gallery):,} images\ntake 1 to {len(gallery)}")
    if options.out is not None:
        require_output(options.out, workspace, reads=_reads(options.queries, gallery, options.out))
    if options.sheet is not None:
        require_output(options.sheet, workspace, "--sheet", _reads(options.queries, gallery, options.sheet))
        if options.out is not None and options.out.resolve() == options.sheet.resolve():
            raise UserError(
                f"--out {options.out}: the contact sheet is to be there\ngive another name to one of the two"
            )
        if options.sheet.suffix.lower() != ".png":
            raise UserError(f"--sheet {options.sheet}: a contact sheet is a PNG\nlet its name end in .png")
        require_fitting(len(options.queries), options.top + 1)
    require_device(options.device)


def _reads(queries: Sequence[str], gallery: Gallery, output: Path) -> list[Path]:
    """Return what is read that an output might be: the queries, the gallery, if it is a zip, and images of its name."""
    place = gallery.source.location
    alike = [place / path for path in gallery.paths if PurePosixPath(path).name.casefold() == output.name.casefold()]
    return [*map(Path, queries), place, *alike]


def _space(workspace: Workspace, options: SearchOptions, reporter: Reporter) -> Space:
    """Return what compares: the run or backbone that is named, else the best run, else what needs none."""
    if options.run is not None:
        return RunSpace(find_run(workspace.runs, options.run), workspace, options.device, reporter)
    if options.backbone is None and complete_runs(workspace.runs):
        run = best_run(workspace.runs, data_name(workspace.data))
        reporter.note(f"comparing with run {run.name}, the best by out-of-fold top-{PICKS}")
        return RunSpace(run, workspace, options.device, reporter)
    from tlk.workflows.search_frozen import frozen_space

    space = frozen_space(options.backbone, workspace, options.device, reporter)
    if options.backbone is None:
        reporter.note(f"there is no run in {workspace.runs}: comparing with {space.name}")
    return space


def _places(
    queries: list[Query], gallery: Gallery, keys: np.ndarray, reader: ImageReader, reporter: Reporter
) -> list[int | None]:
    """Return the row of the gallery that each query itself is: named by its id, or with the same content."""
    rows = {path: row for row, path in enumerate(gallery.paths)}
    places: list[int | None] = []
    for query in queries:
        if query.in_gallery and query.path not in rows:
            raise UserError(f"query {query.name} is one of the images that cannot be read\nask for another")
        if query.in_gallery:
            places.append(rows[query.path])
            continue
        same = np.flatnonzero(keys == reader.keys([query.path])[0])
        place = next((int(row) for row in same if query.is_file(gallery.source.location / gallery.paths[row])), None)
        if place is None and len(same):  # a copy from elsewhere
            place = int(same[0])
        if place is not None:
            reporter.note(f"{query.name} is in the gallery, as {gallery.ids[place]}: not its own neighbour")
        places.append(place)
    return places


def _nearest(
    queries: list[Query], places: list[int | None], gallery: Gallery, reader: ImageReader, space: Space, top: int
) -> list[Found]:
    count = len(gallery)
    paths = [*gallery.paths, *(query.path for query, place in zip(queries, places, strict=True) if place is None)]
    fresh = iter(range(count, len(paths)))
    at = np.array([next(fresh) if place is None else place for place in places])
    most = min(top + 1, count)  # one more, because a query may find itself
    rows, similarities = space.nearest(Images(reader, paths, reader.keys(paths), count, at), most)
    if not np.isfinite(similarities).all():
        raise UserError(f"{space.name} gives similarities that are not finite\ntrain the run again, or take another")
    found = []
    for query, place, near, alike in zip(queries, places, rows, similarities, strict=True):
        chosen = [(int(row), float(one)) for row, one in zip(near, alike, strict=True) if row != place][:top]
        neighbours = tuple(_neighbour(gallery, rank + 1, row, one) for rank, (row, one) in enumerate(chosen))
        itself = None if place is None else gallery.ids[place]
        found.append(Found(query.name, itself, neighbours, (query.path, *(gallery.paths[row] for row, _ in chosen))))
    return found


def _neighbour(gallery: Gallery, rank: int, row: int, similarity: float) -> Neighbour:
    title, artist = (cells[row] if cells else "" for cells in (gallery.titles, gallery.artists))
    return Neighbour(rank, gallery.ids[row], title, artist, similarity)
