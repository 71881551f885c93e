"""`tlk data painters`: Painter by Numbers, from the archives it is distributed in to a collection."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tlk.data.archives import REPLACEMENTS, Archives, Found
from tlk.data.collection import TABLE, write_collection
from tlk.data.painters import COLUMNS, KNOWN_CORRUPT, Painting, read_paintings
from tlk.data.thumbnails import make_thumbnail
from tlk.errors import UserError, summarise
from tlk.files import read_json, replacing, write_json, write_text
from tlk.processes import cores
from tlk.tables import format_table, harmless
from tlk.workflows.progress import Reporter

IMAGES, FAILURES = "images", "failures.csv"
_SETTINGS = "painters.json"  # the size that a folder's images were made at, so that a second call goes on with it
_AHEAD = 4  # images a thread that may be read and wait to be written


@dataclass(frozen=True)
class PaintersDone:
    """What became of the table's rows: `written + already_there` are in the collection, `replaced` among them."""

    rows: int
    written: int
    already_there: int
    replaced: int
    known_corrupt: int  # and without a replacement
    failed: int
    without_image: int  # in no archive
    artists: int  # in the collection


@dataclass
class _Plan:
    """What to make, in the order in which it lies on disk; what is made; and what cannot be: (archive, why) by name."""

    jobs: list[tuple[str, Found]] = field(default_factory=list)
    there: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    absent: dict[str, tuple[str, str]] = field(default_factory=dict)
    corrupt: dict[str, tuple[str, str]] = field(default_factory=dict)


def make_painters(archives: Path, out: Path, size: int, limit: int | None, reporter: Reporter) -> PaintersDone:
    """Make the collection `out` of the first `limit` rows of the table in `archives`, or of all.

    Images larger than `size` are reduced to it. Those that are in `out` already are not made again. Every row is either
    in `collection.csv`, written last, or in `failures.csv` with the reason.

    Raises:
        UserError: the table or an archive cannot be read, or `out` holds something else or cannot be written.
    """
    paintings = read_paintings(archives)[:limit]
    found = Archives(archives)
    _claim(out, size)
    plan = _plan(paintings, found, {path.name for path in (out / IMAGES).glob("*.jpg")})
    if plan.corrupt:
        names = summarise(sorted(plan.corrupt, key=int), len(KNOWN_CORRUPT))
        reporter.note(f"left out, known to be corrupt and without {REPLACEMENTS}.zip: {names}")
    failed = _make(plan, out / IMAGES, size, reporter)
    lost = plan.absent | plan.corrupt | failed
    rows = [(p.name, *map(harmless, lost[p.name])) for p in paintings if p.name in lost]
    write_text(out / FAILURES, format_table(("id", "archive", "why"), rows))
    kept = [painting for painting in paintings if painting.name not in lost]
    write_collection(out, COLUMNS, [(p.name, f"{IMAGES}/{p.name}.jpg", *p.cells) for p in kept])
    return PaintersDone(
        rows=len(paintings),
        written=len(plan.jobs) - len(failed),
        already_there=len(plan.there),
        replaced=len(plan.replaced - set(lost)),
        known_corrupt=len(plan.corrupt),
        failed=len(failed),
        without_image=len(plan.absent),
        artists=len({painting.artist for painting in kept}),
    )


def _claim(out: Path, size: int) -> None:
    """Note in `out` what is made there; refuse a folder that holds something else."""
    settings = out / _SETTINGS
    if settings.is_file():
        try:
            made = read_json(settings)["size"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"cannot read {settings}\ndelete {out}, or choose another place with --out") from error
        if made != size:
            raise UserError(f"the images in {out} were made with --size {made}\nkeep to that, or choose another --out")
    elif (out / IMAGES).exists() or (out / TABLE).exists():
        raise UserError(f"{out} holds another collection\nchoose another place with --out, or delete it")
    else:
        write_json(settings, {"size": size})


def _plan(paintings: list[Painting], archives: Archives, there: set[str]) -> _Plan:
    plan = _Plan()
    for painting in paintings:
        name, found = painting.name, archives.find(painting.filename)
        if found is not None and found.is_replacement:
            plan.replaced.add(name)
        if f"{name}.jpg" in there:
            plan.there.add(name)
        elif found is None:
            plan.absent[name] = ("", "in no archive")
        elif name in KNOWN_CORRUPT and not found.is_replacement:
            plan.corrupt[name] = (found.archive.name, "known to be corrupt, and there is no replacement")
        else:
            plan.jobs.append((name, found))
    plan.jobs.sort(key=lambda job: job[1].place)
    return plan


def _make(plan: _Plan, images: Path, size: int, reporter: Reporter) -> dict[str, tuple[str, str]]:
    """Write the thumbnails; return what failed: (archive, why) by name."""
    failed: dict[str, tuple[str, str]] = {}
    with reporter.track("images") as step:
        results = _thumbnails([found for _, found in plan.jobs], size)
        for at, ((name, found), result) in enumerate(zip(plan.jobs, results, strict=True), 1):
            if isinstance(result, UserError):
                failed[name] = (found.archive.name, str(result).split("\n")[0])
            else:
                with replacing(images / f"{name}.jpg") as file:
                    file.write(result)
            step(at, len(plan.jobs), f"{len(failed)} failed" if failed else "")
    return failed


def _thumbnails(found: list[Found], size: int) -> Iterator[bytes | UserError]:
    """Yield each image's JPEG, or what is wrong with it, in order; the threads are no more than `_AHEAD` each ahead."""

    def attempt(image: Found) -> bytes | UserError:
        try:
            return make_thumbnail(image.read(), image.path, size)
        except UserError as error:
            return error

    running: deque[Future[bytes | UserError]] = deque()
    with ThreadPoolExecutor(cores()) as pool:
        try:
            for image in found:
                running.append(pool.submit(attempt, image))
                if len(running) >= _AHEAD * cores():
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()
