"""Why are these two alike, or not? Two pictures, what of them had a say, and which regions answer to which."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.data.borders import trim_borders
from tlk.errors import UserError
from tlk.report.drawing import save
from tlk.report.explanation import Explanation, Link, Side, draw_explanation
from tlk.workflows.explain_cells import Matches, match_cells
from tlk.workflows.explain_images import find_pair
from tlk.workflows.explain_subject import subject_of
from tlk.workflows.outputs import require_output
from tlk.workflows.progress import Reporter
from tlk.workflows.workspace import Workspace

_LINKS = 8


@dataclass(frozen=True)
class ExplainOptions:
    """What `tlk explain` is told: `left` and `right` are ids of the data, or paths."""

    left: str
    right: str
    run: str | None = None
    backbone: str | None = None
    device: str = "auto"
    out: Path = Path("explanation.png")


@dataclass(frozen=True)
class Explained:
    """What was drawn, of what, and how alike the two are."""

    out: Path
    by: str
    similarity: float
    measure: str


def explain(workspace: Workspace, options: ExplainOptions, reporter: Reporter) -> Explained:
    """Draw why a model finds two pictures alike, or not, into one PNG.

    Raises:
        UserError: a picture, a run or a backbone cannot be had, or the PNG cannot be written.
    """
    if options.out.suffix.lower() != ".png":
        raise UserError(f"--out {options.out}: an explanation is a PNG\nlet its name end in .png")
    left, right = find_pair(workspace.data, options.left, options.right)
    paths = (left.path, right.path)
    require_output(options.out, workspace, reads=[workspace.data / path for path in paths])
    subject = subject_of(workspace, options.run, options.backbone, options.device, reporter, paths)
    pixels = [np.ascontiguousarray(trim_borders(p.pixels)) if subject.trimmed else p.pixels for p in (left, right)]
    seen = subject.sight.look(pixels[0], pixels[1])
    if not np.isfinite(seen.similarity):
        raise UserError(f"{subject.name} gives a similarity that is not finite\ntrain the run again, or take another")
    matches = match_cells(*(subject.sight.cells(picture) for picture in pixels))
    drawn = Explanation(
        left=Side(left.name, pixels[0], seen.left),
        right=Side(right.name, pixels[1], seen.right),
        similarity=seen.similarity,
        measure=subject.measure,
        by=subject.name,
        links=strongest(matches, _LINKS),
        cells=matches.similarity.shape,
        notes=_notes(subject.sight.how, subject.sight.regions, matches, subject.trimmed, seen.left, seen.right),
    )
    save(draw_explanation(drawn), options.out)
    return Explained(options.out, subject.name, seen.similarity, subject.measure)


def strongest(matches: Matches, most: int) -> tuple[Link, ...]:
    """Return the cells that are each other's most alike, what adds most first, no two of them side by side on the left.

    A large uniform region would otherwise take up all of them.
    """
    rows = np.argwhere(matches.mutual & (matches.similarity > 0))
    order = np.argsort(-matches.product[tuple(rows.T)], kind="stable")
    chosen: list[tuple[int, int]] = []
    for row, column in rows[order]:
        if len(chosen) < most and all(max(abs(row - r), abs(column - c)) > 1 for r, c in chosen):
            chosen.append((int(row), int(column)))
    places = [tuple(map(int, matches.place[cell])) for cell in chosen]
    return tuple(Link(cell, (place[0], place[1])) for cell, place in zip(chosen, places, strict=True))


def _notes(how: str, regions: str, matches: Matches, trimmed: bool, *maps: np.ndarray) -> tuple[str, ...]:
    rows, columns = matches.similarity.shape
    notes = [
        f"{how} The darker, the more.",
        f"Matches: of {rows} × {columns} cells of {regions} those that are each other's most alike by cosine, each "
        "picture's mean taken out; numbered by the product of the two cells, the largest first.",
    ]
    if not any(part.any() for part in maps):
        notes.append("No place has a say here: to this model the two are as alike as they can be.")
    if trimmed:
        notes.append("Shown without bars and margins, as the model sees them.")
    return tuple(notes)
