"""The report: runs on one page that opens from disk, everything in it from scores of pairs that no model has seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tlk import __version__
from tlk.errors import UserError
from tlk.files import write_text
from tlk.report.blocks import Page, Section
from tlk.report.page import render
from tlk.workflows.outputs import require_output, require_output_folder
from tlk.workflows.progress import Reporter
from tlk.workflows.report_calibration import calibration
from tlk.workflows.report_curves import learning_curves
from tlk.workflows.report_hubs import hubs
from tlk.workflows.report_ledger import submissions
from tlk.workflows.report_pictures import Album, make_album
from tlk.workflows.report_queries import queries
from tlk.workflows.report_ranks import ranks
from tlk.workflows.report_runs import ReportedRun, groups_of, read_runs
from tlk.workflows.report_strata import kinds_of, strata
from tlk.workflows.report_tables import collection_pairs, leaderboard, top_k
from tlk.workflows.workspace import Workspace

LOOKED_INTO = 8  # runs that are more than a row of the leaderboard: each has charts and half a megabyte of scores


@dataclass(frozen=True)
class ReportOptions:
    """What `tlk report` was asked for."""

    out: Path = Path("report.html")
    figures: Path | None = None
    faces: bool = False


@dataclass(frozen=True)
class Reported:
    """What was written: the page, its size in bytes, and the figures, if any; of which runs, and how many pictures."""

    path: Path
    size: int
    runs: tuple[str, ...]
    pictures: int
    figures: tuple[Path, ...]


def report(workspace: Workspace, names: Sequence[str], options: ReportOptions, reporter: Reporter) -> Reported:
    """Write the report of the named runs, or of all runs of the data, and the figures, where they are asked for.

    Raises:
        UserError: there is no such run, a run is damaged, or the page cannot be written.
    """
    require_output(options.out, workspace)
    if options.out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--out {options.out}: a report is an HTML page\nlet its name end in .html")
    if options.figures is not None:
        require_output_folder(options.figures, workspace, "--figures")
    runs = read_runs(workspace, names, reporter)
    album, notes = make_album(workspace, runs[:LOOKED_INTO], reporter)
    page = make_page(workspace, runs, album, notes, options.faces, reporter)
    text = render(page)
    write_text(options.out, text)
    for note in page.notes:
        reporter.note(note)
    figures: Sequence[Path] = ()
    if options.figures is not None:
        from tlk.workflows.figures import write_figures

        figures = write_figures(workspace, [run.name for run in runs], options.figures, reporter)
    size = options.out.stat().st_size
    return Reported(options.out, size, tuple(run.name for run in runs), len(page.pictures), tuple(figures))


def make_page(
    workspace: Workspace,
    runs: Sequence[ReportedRun],
    album: Album,
    notes: Sequence[str],
    faces: bool,
    reporter: Reporter,
) -> Page:
    """Return the report of some runs with the pictures of an album."""
    closer = runs[:LOOKED_INTO]
    more = []
    if len(runs) > len(closer):
        more = [f"The first {LOOKED_INTO} of {len(runs)} runs are looked into; the others stand in the tables."]
    groups = groups_of(closer)
    kinds, missing = kinds_of(workspace, groups, album, faces, reporter)
    trail, unread = submissions([run.manifest["data"]["name"] for run in runs])
    sections: list[Section | None] = [
        leaderboard(runs),
        trail,
        top_k(runs),
        collection_pairs(runs),
        learning_curves(closer),
        ranks(closer),
        strata(groups, kinds),
        calibration(closer),
        hubs(closer, album),
    ]
    return Page(
        title=f"Report: {runs[0].manifest['data']['name']}",
        facts=_facts(runs),
        notes=(*notes, *missing, *unread, *more),
        sections=tuple(section for section in sections if section is not None),
        queries=queries(groups, closer, album, kinds),
        pictures=[look.picture for look in album.looks.values()],
    )


def _facts(runs: Sequence[ReportedRun]) -> tuple[str, ...]:
    data = {run.manifest["data"]["name"]: run.manifest["data"].get("pairs", 0) for run in runs}
    return (
        *(f"{name}: {pairs:,} pairs" for name, pairs in data.items()),
        f"{len(runs)} run{'s' if len(runs) > 1 else ''}",
        "all scores out-of-fold: by models that saw neither the pair nor its near-duplicates",
        f"tlk {__version__}, {datetime.now().astimezone():%Y-%m-%d %H:%M %Z}",
    )
